import { WaybillError } from "../errors.ts";
import { lookAt } from "./durable.ts";
import { strangerTo } from "./ownership.ts";

/**
 * Refuses what is not ours alone to write: what somebody else can change must not tell us how to go on. What is not there is
 * nobody's. Without `user`, as on Windows, nothing is asked: there the folders above decide.
 *
 * @throws WaybillError `io_failed`
 */
export async function requirePrivate(path: string, user: number | undefined): Promise<void> {
  if (user === undefined) return;
  const found = await lookAt(path);
  if (found === undefined) return;
  const stranger = strangerTo(user, found);
  if (stranger === "owner") throw refusal(path, "it belongs to another user", "use --state with a folder of your own");
  if (stranger === "writers")
    throw refusal(path, "other users may write to it", `take that from them: chmod go-w "${path}"`);
}

function refusal(path: string, why: string, advice: string): WaybillError {
  return new WaybillError("io_failed", `Cannot trust "${path}": ${why}`, { advice });
}
