import { rememberedBy } from "../async/remembered.ts";
import { cached } from "../content/cached.ts";
import type { Source } from "../content/store.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { Context } from "./context.ts";

/** Opens places to read from, each once; what is read there is remembered. */
export function rememberedSources(context: Pick<Context, "open">): (location: Location) => Promise<Source> {
  return rememberedBy(formatLocation, (location) => context.open(location).then(cached));
}
