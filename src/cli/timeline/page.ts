import { createHash } from "node:crypto";
import { displayLines } from "../../spec/display.ts";
import { formatBytes } from "../units.ts";
import type { Link } from "./critical.ts";
import type { AttemptBar, Bar, Lane, RegistryLane, Timeline } from "./model.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";

export interface PageOptions {
  /** What the run was, in words; may hold foreign text. */
  readonly title: string;
  /** Events that there was no room for. */
  readonly dropped?: number;
  /** What the page cannot show, and what is known instead, a sentence each. May hold foreign text. */
  readonly notes?: readonly string[];
}

const rowPx = 18;

/**
 * The timeline as one page that needs nothing else, no network least of all. Where there is nothing to draw, what is known
 * instead.
 */
export function pageOf(timeline: Timeline, { title, dropped = 0, notes = [] }: PageOptions): string {
  const { durationMs, startedAt, phases, registries } = timeline;
  const lost = dropped === 0 ? [] : [`${dropped} events are missing: there was no room for them.`];
  const told = [...notes, ...lost].map((note) => `<p class="note">${text(note)}</p>`).join("\n");
  const isEmpty = phases.bars.length + registries.length === 0;
  const when = `<span>${seconds(durationMs)}</span><span class="faint">${new Date(startedAt).toISOString()}</span>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>${text(title)}</title>
<style>${style}</style>
</head>
<body>
<header><h1>${text(title)}</h1>${isEmpty ? "" : when}</header>
${told}
${isEmpty ? "" : pictureOf(timeline)}
</body>
</html>
`;
}

function pictureOf({ durationMs, phases, registries, critical }: Timeline): string {
  const scale = scaleOf(durationMs);
  const lanes = [
    sectionOf({ name: "what decided how long it took", rows: 1, bars: critical.map(linkBar) }, scale, "link"),
    sectionOf(phases, scale, "phase"),
    ...registries.map((lane) => registrySection(lane, scale)),
  ];
  return `${legend}
<p class="tools"><button id="in">+</button> <button id="out">&minus;</button> <button id="all">all</button>
<span class="faint">Ctrl and the wheel zoom, the pointer tells</span></p>
<div class="frame"><div class="sheet">
<div class="axis">${ticks(durationMs, scale)}</div>
${lanes.join("\n")}
</div></div>
${chainTable(critical, durationMs)}
<div id="tip"></div>
<script>${script}</script>`;
}

const hash = createHash("sha256").update(script).digest("base64");
const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`;

const colours = {
  queue: "waits for its turn",
  dns: "name",
  connect: "connect",
  tls: "TLS",
  send: "sends",
  wait: "waits for the answer",
  receive: "receives",
  failed: "failed",
  skipped: "there already, or mounted",
  backoff: "waits before it tries again",
};
const legend = `<p class="legend">${Object.entries(colours)
  .map(([name, words]) => `<span style="--c:var(--${name})">${words}</span>`)
  .join("")}</p>`;

/** Milliseconds to a share of the width, in percent. */
type Scale = (ms: number) => string;

function scaleOf(durationMs: number): Scale {
  return (ms) => ((Math.max(0, ms) / Math.max(1, durationMs)) * 100).toFixed(4);
}

function registrySection(lane: RegistryLane, scale: Scale): string {
  const { attempts, retries, failures, throughput } = lane;
  const most = Math.max(...throughput.sent, ...throughput.received);
  const facts = [
    `${attempts} requests`,
    ...(retries > 0 ? [`${retries} repeated`] : []),
    ...(failures > 0 ? [`${failures} failed`] : []),
    `up to ${formatBytes(Math.round(most))}/s`,
  ];
  const end = throughput.stepMs * throughput.sent.length;
  const flow = most === 0 ? "" : flowOf(lane, most, scale(end));
  return `<section>${nameOf(lane.name, facts.join(", "))}${flow}${rowsOf(lane, scale, "")}</section>`;
}

function flowOf({ throughput }: RegistryLane, most: number, width: string): string {
  const line = (values: readonly number[]) =>
    values.map((value, step) => `${step},${(30 - (value / most) * 28).toFixed(1)}`).join(" ");
  const { sent, received } = throughput;
  return `<svg class="flow" style="width:${width}%" viewBox="0 0 ${sent.length} 31" preserveAspectRatio="none" aria-hidden="true"><polyline class="received" points="${line(received)}"/><polyline class="sent" points="${line(sent)}"/></svg>`;
}

function sectionOf(lane: Lane, scale: Scale, kind: string): string {
  return `<section>${nameOf(lane.name, "")}${rowsOf(lane, scale, kind)}</section>`;
}

function nameOf(name: string, facts: string): string {
  return `<div class="name"><h2>${text(name)} <span class="faint">${text(facts)}</span></h2></div>`;
}

function rowsOf({ rows, bars }: Lane, scale: Scale, kind: string): string {
  return `<div class="rows" style="height:${rows * rowPx}px">${bars.map((bar) => barOf(bar, scale, kind)).join("")}</div>`;
}

function barOf(bar: Bar, scale: Scale, kind: string): string {
  const { from, to, row, state } = bar;
  const within = scaleOf(to - from);
  const parts = [
    ...bar.backoffs.map(
      (gap) => `<i class="gap" style="${placeOf({ from: gap.from - from, to: gap.to - from }, within)}"></i>`,
    ),
    ...bar.attempts.map((attempt) => attemptOf(attempt, { from, within })),
  ];
  const tip = [...bar.details, spanText(bar)].join("\n");
  const label = bar.attempts.length > 0 ? "" : `<span class="label">${text(bar.label)}</span>`;
  return `<div class="bar ${state} ${kind}" style="${placeOf(bar, scale)};top:${row * rowPx + 1}px" data-tip="${text([bar.label, tip].join("\n"))}">${parts.join("")}${label}</div>`;
}

function attemptOf(attempt: AttemptBar, { from, within }: { readonly from: number; readonly within: Scale }): string {
  const place = placeOf({ from: attempt.from - from, to: attempt.to - from }, within);
  const tip = [
    ...attempt.details,
    spanText(attempt),
    ...attempt.stretches.map(({ name, durationMs }) => `${name} ${seconds(durationMs)}`),
  ];
  const failed = attempt.isFailed ? " failed" : "";
  return `<i class="try${failed}" style="${place};background:${gradientOf(attempt)}" data-tip="${text(tip.join("\n"))}"></i>`;
}

/** An attempt's stretches as one background: thousands of attempts are as many elements, not ten times as many. */
function gradientOf({ from, to, stretches }: AttemptBar): string {
  const share = scaleOf(to - from);
  let until = 0;
  const stops = stretches.flatMap(({ name, startedAt, durationMs }) => {
    const begin = startedAt - from;
    const gap = `transparent ${share(until)}% ${share(begin)}%`;
    until = begin + durationMs;
    return [gap, `var(--${name}) ${share(begin)}% ${share(until)}%`];
  });
  return stops.length === 0 ? "var(--done)" : `linear-gradient(90deg,${stops.join(",")})`;
}

function placeOf({ from, to }: { readonly from: number; readonly to: number }, scale: Scale): string {
  return `left:${scale(from)}%;width:${scale(to - from)}%`;
}

function ticks(durationMs: number, scale: Scale): string {
  const step = niceStep(durationMs / 12);
  const times: number[] = [];
  for (let at = 0; at < durationMs; at += step) times.push(at);
  return times.map((at) => `<span style="left:${scale(at)}%">${seconds(at)}</span>`).join("");
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(about: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, about)));
  return ([1, 2, 5, 10].find((factor) => factor * power >= about) ?? 10) * power;
}

function linkBar({ from, to, label }: Link): Bar {
  return { row: 0, from, to, label, details: [], kind: "link", state: "done", attempts: [], backoffs: [] };
}

function chainTable(critical: readonly Link[], durationMs: number): string {
  const rows = critical.map(({ from, to, label }) => {
    const share = Math.round(((to - from) / Math.max(1, durationMs)) * 100);
    return `<tr><td class="n">${seconds(from)}</td><td class="n">${seconds(to - from)}</td><td class="n">${share} %</td><td><code>${text(label)}</code></td></tr>`;
  });
  const why = "From the end backwards: each piece is the one that ended last before the next began.";
  return `<h2 style="margin-top:1rem">What decided how long it took</h2><p class="faint">${why}</p>
<table><tr><th>from</th><th>took</th><th>share</th><th>what</th></tr>${rows.join("")}</table>`;
}

function spanText({ from, to }: { readonly from: number; readonly to: number }): string {
  return `from ${seconds(from)}, took ${seconds(to - from)}`;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Number(ms.toFixed(1))} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** Text that may be foreign, for an element or an attribute in double quotes. */
function text(raw: string): string {
  return displayLines(raw).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
