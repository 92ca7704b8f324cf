import { expect, test } from "vitest";
import { fakeEnvironment } from "../../test/support/credential-environment.ts";
import { hasCertificates } from "./certs-d.ts";

test("hasCertificates is true when certs.d has a certificate for exactly this port", async () => {
  const files = fakeEnvironment({
    files: { "/home/u/.docker/certs.d/localhost:5000/ca.crt": "x", "/etc/docker/certs.d/localhost:6000/readme": "x" },
  });

  expect(
    await Promise.all(
      ["localhost:5000", "localhost:6000", "localhost:500"].map((host) => hasCertificates(files, host)),
    ),
  ).toEqual([true, false, false]);
});

test("hasCertificates looks where Docker Desktop does, wherever DOCKER_CONFIG points", async () => {
  const files = fakeEnvironment({
    env: { DOCKER_CONFIG: "/elsewhere" },
    files: { "/home/u/.docker/certs.d/a.test/ca.crt": "x", "/elsewhere/certs.d/b.test/ca.crt": "x" },
  });

  expect(await Promise.all(["a.test", "b.test"].map((host) => hasCertificates(files, host)))).toEqual([true, false]);
});
