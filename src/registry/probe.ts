import type { CallOptions } from "../content/store.ts";
import { drain } from "../http/body.ts";
import { repositoryScope } from "../spec/scope.ts";
import { ask, type Access } from "./access.ts";
import { withRepositoryAdvice } from "./missing-repository.ts";
import { problemOf } from "./problem.ts";
import { placeFrom, uploadsPath } from "./upload-location.ts";
import { cancelSession } from "./upload-requests.ts";

/**
 * Finds out whether this account may push, without pushing: opens an upload and gives it up. Where a token of the run says so
 * itself, nothing is asked.
 *
 * @throws WaybillError `auth_denied`, `auth_required`; `not_found` where the repository is missing and is not made on push;
 *   `unsupported` where nothing can be written.
 * Spec: distribution-spec v1.1.1, "POST then PUT", "Cancelling"
 */
export async function probePush(access: Access, { signal }: CallOptions = {}): Promise<"allowed"> {
  if (access.isGranted?.(repositoryScope(access.repository, "push"))) return "allowed";
  const request = { method: "POST", path: uploadsPath(), operation: "upload-open", rights: "pull,push" } as const;
  const response = await ask(access, { ...request, signal });
  if (response.status >= 300) throw withRepositoryAdvice(access, await problemOf(access, response, "Cannot push to"));
  await drain(response);
  const place = placeFrom(access, response);
  if (place) await cancelSession({ access, place }, signal);
  return "allowed";
}
