import type { Repeated, Repeats } from "../../transfer/repeats.ts";
import { formatDuration } from "../units.ts";

const mostCauses = 3;

/**
 * What a summary says beside the results of what was tried again: `retries 3 (docker.io: HTTP 429 twice, waited 8.0s)`,
 * `1 upload resumed`; empty where nothing was. Foreign text.
 */
export function repeatRemarks({ byRegistry, resumed }: Pick<Repeats, "byRegistry" | "resumed">): readonly string[] {
  const registries = [...byRegistry];
  const requests = registries.reduce((sum, [, repeated]) => sum + repeated.requests, 0);
  const told = registries.map(([name, repeated]) => `${name}: ${causesText(repeated)}`);
  return [
    ...(requests > 0 ? [`retries ${requests} (${told.join("; ")})`] : []),
    ...(resumed > 0 ? [`${resumed} ${resumed === 1 ? "upload" : "uploads"} resumed`] : []),
  ];
}

function causesText({ causes, waitedMs }: Repeated): string {
  const most = [...causes].toSorted(([, a], [, b]) => b - a).slice(0, mostCauses);
  const others = causes.size > mostCauses ? ["others"] : [];
  const why = [...most.map(([cause, count]) => cause + timesOf(count)), ...others];
  return `${why.join(", ")}, waited ${formatDuration(waitedMs)}`;
}

function timesOf(count: number): string {
  if (count === 1) return "";
  return count === 2 ? " twice" : ` ${count} times`;
}
