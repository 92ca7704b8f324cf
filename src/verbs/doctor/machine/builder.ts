import { builderSettings } from "../../../registry/buildkit.ts";
import { note, ok, type Check } from "../check.ts";
import type { Machine } from "../machine.ts";

/** The registry settings of the buildx builder whose settings apply here, too. */
export const builder: Check<Machine> = {
  name: "builder",
  async run({ environment, options }) {
    const settings = await builderSettings(environment, options.builder);
    if (settings.size === 0) return note("no settings of a buildx builder apply");
    const hosts = [...settings].map(([host, { http, insecure, mirrors, ca, keypairs }]) => {
      const parts = [
        http && "plain HTTP",
        insecure && "certificate not checked",
        mirrors.length > 0 && `mirrors ${mirrors.join(" ")}`,
        ca.length > 0 && "own authorities",
        keypairs.length > 0 && "client certificate",
      ].filter((part) => typeof part === "string");
      return parts.length === 0 ? host : `${host} (${parts.join(", ")})`;
    });
    return ok(`settings for ${hosts.join(", ")}`, { hosts: [...settings.keys()] });
  },
};
