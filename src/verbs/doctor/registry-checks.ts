import type { Check } from "./check.ts";
import type { Patient } from "./patient.ts";
import { pull, push } from "./registry/access.ts";
import { clock } from "./registry/clock.ts";
import { connection, http2, name, route } from "./registry/connection.ts";
import { http } from "./registry/http.ts";
import { limits } from "./registry/limits.ts";
import { manifest } from "./registry/manifest.ts";
import { probe } from "./registry/probe.ts";
import { referrers } from "./registry/referrers.ts";
import { unasked } from "./registry/unasked.ts";
import { tls } from "./registry/tls.ts";

/** In the order in which they are told: each needs what those before it look at. */
export const registryChecks: readonly Check<Patient>[] = [
  route,
  name,
  connection,
  tls,
  http2,
  http,
  clock,
  pull,
  push,
  manifest,
  referrers,
  limits,
  unasked,
  probe,
];
