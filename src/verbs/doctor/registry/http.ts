import { essence } from "../../../spec/media-type.ts";
import { failure, ok, warning, type Check } from "../check.ts";
import type { Patient } from "../patient.ts";
import type { Ping } from "../reach.ts";

/** Whether the first page of the API answers as one. */
export const http: Check<Patient> = {
  name: "http",
  async run(patient) {
    const page = await patient.ping();
    const { status, headers, protocol } = page;
    const text = `${protocol.toUpperCase()} ${status}`;
    const version = headers.get("docker-distribution-api-version");
    const facts = { protocol, status, api: version };
    const { host } = patient;
    if (isWebPage(page)) {
      return failure(
        `${text}, a web page`,
        `check that ${host} is a registry, and that no login page or proxy stands before it`,
        facts,
      );
    }
    if (status === 429 || status >= 500)
      return failure(text, "the registry fails or asks to wait at the moment: try again later", facts);
    if (status === 404) return failure(text, `there is no registry API at ${host}: check the name and the port`, facts);
    const isUsual = (status >= 200 && status < 300) || status === 401;
    if (!isUsual)
      return warning(
        text,
        "a registry answers /v2/ with 200 or 401: something before it may answer in its place",
        facts,
      );
    return ok(`${text}, ${status === 401 ? "asks who we are" : "lets anybody in"}`, facts);
  },
};

function isWebPage({ status, headers }: Ping): boolean {
  return status < 400 && essence(headers.get("content-type") ?? "") === "text/html";
}
