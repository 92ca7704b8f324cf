import type { Access, RegistryAuth, Verdict } from "./access.ts";
import { readBasic, type Passwords } from "./passwords.ts";

/** What those may do who give no password. */
export interface BasicAuthOptions {
  /** Lets everybody read; default false. */
  readonly anonymousPull?: boolean;
}

/** Every user may do everything; nobody else may do anything, or only read. */
export function basicAuth(passwords: Passwords, options: BasicAuthOptions = {}): RegistryAuth {
  const { anonymousPull = false } = options;
  const refused: Verdict = { allowed: false, status: 401, challenge: 'Basic realm="registry"' };
  return {
    async check(request, needed) {
      const given = readBasic(request.authorization?.value);
      if (given)
        return (await passwords.check(given.name, given.password)) ? { allowed: true, principal: given.name } : refused;
      const isOpen = anonymousPull && request.authorization === undefined && needed.length > 0 && needed.every(isPull);
      return isOpen ? { allowed: true, principal: "" } : refused;
    },
  };
}

/** Rights that do not change anything. */
function isPull({ type, action }: Access): boolean {
  return type === "repository" && action === "pull";
}
