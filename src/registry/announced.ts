import type { HttpHeaders } from "../http/send.ts";
import { isDigest, type Digest } from "../spec/digest.ts";

/** `Docker-Content-Digest` where it is present and a digest. Not all registries send it, and some send other things. */
export function announcedDigest(headers: HttpHeaders): Digest | undefined {
  const value = headers.get("docker-content-digest")?.trim();
  return isDigest(value) ? value : undefined;
}

/** `Content-Length` as a number, where it is one. */
export function sizeIn(headers: HttpHeaders): number | undefined {
  const value = headers.get("content-length");
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
