import { WaybillError } from "../errors.ts";
import type { HttpResponse } from "../http/send.ts";
import { essence } from "../spec/media-type.ts";
import { contextOf, nameOfRepository, type Access } from "./access.ts";

/**
 * Closes the answer and throws where it is a web page: a login page or a captive portal answers 200 to everything.
 *
 * @throws WaybillError `not_a_registry`
 */
export async function refuseHtml(access: Access, response: HttpResponse, doing = "Cannot read from"): Promise<void> {
  if (essence(response.headers.get("content-type") ?? "") !== "text/html") return;
  await response[Symbol.asyncDispose]();
  const message = `${doing} "${nameOfRepository(access)}": the answer is a web page`;
  const advice = `Check that ${access.host} is a registry, and that no login page or proxy stands before it`;
  throw new WaybillError("not_a_registry", message, { ...contextOf(access), advice });
}
