import type { ErrorCode } from "../errors.ts";

// One line each, for errors that whoever threw them had no better advice for.
const general: Partial<Record<ErrorCode, string>> = {
  auth_required:
    "log in with `waybill login HOST -u USER --password-stdin` or `docker login HOST`, or look with -D where credentials come from",
  auth_denied: "the account was recognised but may not do this; -D names the source of its credential",
  credential_helper_failed: "run the credential helper by hand to see why, or remove it from docker's config.json",
  rate_limited: "wait, or log in: accounts have higher limits than addresses",
  connection_failed: "check the name, the network and the proxy settings",
  disk_full: "make room, then run the same command again: what is there is not written again",
};

/** What to do about an error of which nothing but its code is known; `undefined` where that says too little. */
export function generalAdvice(code: ErrorCode): string | undefined {
  return general[code];
}
