import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { admit, isLoopback, type Gate } from "./gate.ts";

const loopback: Gate = { scheme: "http", onLoopback: true, allowHosts: ["registry.test"] };

function statusFor(gate: Gate, headers: Record<string, string>, url = "/v2/"): number | undefined {
  return admit({ headers, url } as IncomingMessage, gate)?.status;
}

test("admit lets requests to loopback pass, on any port", () => {
  for (const host of ["localhost", "LOCALHOST:5000", "127.0.0.1:80", "[::1]:5000", "registry.test:5000"]) {
    expect(statusFor(loopback, { host })).toBeUndefined();
  }
});

test("admit answers 421 on loopback to other names, as a page sends that points its own name here", () => {
  for (const host of [
    "evil.example:5000",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "registry.test.evil",
    "[::2]",
  ]) {
    expect(statusFor(loopback, { host })).toBe(421);
  }
});

test("admit takes any host where the server is not bound to loopback", () => {
  expect(statusFor({ ...loopback, onLoopback: false }, { host: "registry.example" })).toBeUndefined();
});

test("admit refuses pages of another origin, everywhere", () => {
  expect(statusFor(loopback, { host: "localhost:5000", origin: "http://evil.example" })).toBe(403);
  expect(statusFor(loopback, { host: "localhost:5000", origin: "null" })).toBe(403);
  expect(statusFor(loopback, { host: "localhost:5000", origin: "https://localhost:5000" })).toBe(403);
  expect(statusFor(loopback, { host: "localhost:5000", origin: "http://localhost:5000" })).toBeUndefined();
});

test("admit refuses requests without a proper Host or path", () => {
  expect(statusFor(loopback, {})).toBe(400);
  for (const host of ["", "a b", "a/b", "user@localhost", "localhost:http", "[::1"])
    expect(statusFor(loopback, { host })).toBe(400);
  expect(statusFor(loopback, { host: "localhost" }, "http://other.example/v2/")).toBe(400);
});

test("isLoopback knows both families", () => {
  expect(["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"].every(isLoopback)).toBe(true);
  expect(["0.0.0.0", "::", "10.127.0.1", "::ffff:10.0.0.1"].some(isLoopback)).toBe(false);
});
