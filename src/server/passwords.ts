import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import type { Secret } from "../http/send.ts";

/** Who a name and a password belong to. */
export interface Passwords {
  check(name: string, password: string): Promise<boolean>;
}

const rememberedMs = 5 * 60_000;
const maxRemembered = 1_000;
/** Checked for unknown names, so that the time taken does not tell which names exist. */
const nobody = "$2b$10$Kq3bqkq0o5W0zZ3r8pN1uO3m0e3J2o1Zb4kQ8mYc8oYw6pQ4r1T2e";

/**
 * Users from a file as `htpasswd -B` writes it: a line each, `name:$2y$…`. Empty lines and those that begin with `#` are skipped.
 * A password that was right is remembered for five minutes, as a keyed hash, because bcrypt is slow on purpose.
 *
 * @throws WaybillError `invalid_config` for hashes other than bcrypt, naming the line.
 */
export function parseHtpasswd(text: string, clock: Clock): Passwords {
  const hashes = new Map<string, string>();
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const match = /^([^:]{1,255}):(\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53})$/.exec(line.trim());
    if (!match?.[1] || !match[2]) {
      throw new WaybillError(
        "invalid_config",
        `Cannot read htpasswd: line ${at + 1} is not name:hash with a bcrypt hash`,
        {
          advice: "Make the line with htpasswd -B",
        },
      );
    }
    hashes.set(match[1], match[2]);
  }
  return remembering(hashes, clock);
}

function remembering(hashes: ReadonlyMap<string, string>, clock: Clock): Passwords {
  const key = randomBytes(32);
  const right = new Map<string, number>();
  return {
    async check(name, password) {
      const seal = createHmac("sha256", key).update(`${name.length}:${name}${password}`).digest("base64");
      const until = right.get(seal);
      if (until !== undefined && until > clock.now()) return true;
      const hash = hashes.get(name);
      const { compare } = await import("bcryptjs");
      const matches = (await compare(password, hash ?? nobody)) && hash !== undefined;
      if (!matches) return false;
      if (right.size >= maxRemembered) right.clear();
      right.set(seal, clock.now() + rememberedMs);
      return true;
    },
  };
}

/** Name and password of a `Basic` header; `undefined` where it is none. */
export function readBasic(
  authorization: Secret | undefined,
): { readonly name: string; readonly password: string } | undefined {
  const match = /^basic +([A-Za-z0-9+/_=-]{1,8192})$/i.exec(authorization?.reveal() ?? "");
  if (!match?.[1]) return undefined;
  const text = Buffer.from(match[1], "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
