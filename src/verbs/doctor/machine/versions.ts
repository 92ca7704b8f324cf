import { failure, ok, type Check } from "../check.ts";
import type { Machine } from "../machine.ts";

/** What `engines` in package.json says. */
const leastNode: readonly [number, number] = [20, 19];

export const versions: Check<Machine> = {
  name: "versions",
  async run({ runtime }) {
    const { waybill, node, platform } = runtime;
    const text = `waybill ${waybill} on Node ${node}, ${platform}`;
    if (isAtLeast(node, leastNode)) return ok(text, { ...runtime });
    return failure(text, `use Node ${leastNode.join(".")} or newer`, { ...runtime });
  },
};

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
