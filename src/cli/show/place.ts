import { placeOfTarget } from "../../telemetry/derive/place.ts";
import type { Row } from "./board.ts";

/** The rows of one registry, or of one other place. */
export interface Block {
  readonly registry: string;
  readonly rows: readonly Row[];
}

/** Rows by registry, in the order in which work began. */
export function blocksOf(rows: readonly Row[]): readonly Block[] {
  const blocks = new Map<string, Row[]>();
  for (const row of rows) {
    const { registry } = placeOf(row);
    blocks.set(registry, [...(blocks.get(registry) ?? []), row]);
  }
  return [...blocks].map(([registry, of]) => ({ registry, rows: of }));
}

/** Where a row's target lies: its registry, and its name there. Folders are a place of their own each. */
export function placeOf({ target, name }: Pick<Row, "target" | "name">): {
  readonly registry: string;
  readonly repository: string;
} {
  const whole = target === "" ? name : target;
  const { registry = whole, repository = whole } = placeOfTarget(target);
  return { registry, repository };
}
