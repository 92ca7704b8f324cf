import { hasCode, WaybillError } from "../errors.ts";
import { nameOfRepository, type Access } from "./access.ts";
import { profileOf } from "./profiles.ts";

/** What a write says that found no repository: how this registry comes to have one. Other errors stay as they are. */
export function withRepositoryAdvice(access: Access, error: WaybillError): WaybillError {
  if (!hasCode(error, "not_found")) return error;
  const advice = adviceFor(access);
  return new WaybillError(error.code, error.message, { ...error.context, side: "target", advice }, { cause: error });
}

function adviceFor(access: Access): string {
  const { makesRepositories } = profileOf(access.host);
  if (makesRepositories === undefined) return "Create the repository first if this registry does not create it on push";
  if (makesRepositories !== "on-push") return `Create the repository first: ${makesRepositories(access.repository)}`;
  const name = nameOfRepository(access);
  return `${access.host} makes repositories on push: check the spelling of "${name}", and that the account may create it`;
}
