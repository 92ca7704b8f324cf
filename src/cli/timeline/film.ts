import type { Command } from "commander";
import { writeDurably } from "../../disk/durable.ts";
import { WaybillError } from "../../errors.ts";
import { silent, type Report } from "../../telemetry/events.ts";
import { addValue } from "../options.ts";
import type { RecordFlags } from "../recorder.ts";
import { reasonOf } from "../reason.ts";
import { requireReplaceable, temporaryFor } from "../replaceable.ts";
import { keepFilm, type KeptFilm } from "./keep.ts";
import { createCollector } from "./collect.ts";

export interface TimelineFlags {
  /** Where the page is written. */
  readonly timeline?: string;
}

export function addTimelineOption(command: Command): Command {
  return addValue(command, "--timeline <path>", "Draw the run as a page to look at: what took how long, and why");
}

/** Takes a run down for a picture of it. */
export interface Film {
  readonly report: Report;
  /** Writes the picture, where one was asked for. Never rejects: `warn` hears of what cannot be written. */
  draw(warn: (message: string) => void): Promise<void>;
  /**
   * Keeps what a picture is made of in the run's folder, where there is one, for `waybill timeline`. Takes some milliseconds
   * that the result need not wait for. Never rejects, as `draw`.
   */
  keep(runFolder: string | undefined, warn: (message: string) => void): Promise<void>;
}

/** Begins. `title`: what stands above the picture. */
export function createFilm(title: string, { timeline, journal }: TimelineFlags & RecordFlags): Film {
  if (timeline === undefined && journal === false)
    return { report: silent, draw: async () => undefined, keep: async () => undefined };
  const collector = createCollector();
  const film = () => ({ title, events: collector.events, dropped: collector.dropped });
  return {
    report: collector.report,
    async draw(warn) {
      if (timeline === undefined) return;
      const write = async () => writePage(timeline, await pageFor(film()));
      await attempt(`timeline "${timeline}"`, write, warn);
    },
    async keep(runFolder, warn) {
      if (runFolder === undefined) return;
      await attempt("what a timeline of this run would need", () => keepFilm(runFolder, film()), warn);
    },
  };
}

async function attempt(what: string, act: () => Promise<void>, warn: (message: string) => void): Promise<void> {
  try {
    await act();
  } catch (error) {
    const reason = reasonOf(error, { missing: "folder" });
    warn(error instanceof WaybillError ? error.message : `Cannot write ${what}: ${reason}`);
  }
}

/** The page is drawn by code that no other run loads. */
export async function pageFor(film: KeptFilm): Promise<string> {
  const [{ timelineOf }, { pageOf }, { notesOf }] = await Promise.all([
    import("./model.ts"),
    import("./page.ts"),
    import("./notes.ts"),
  ]);
  return pageOf(timelineOf(film.events), { ...film, notes: notesOf(film) });
}

/** The page appears whole or not at all. @throws WaybillError `io_failed` where something lies there that is no file */
export async function writePage(path: string, page: string): Promise<void> {
  await requireReplaceable("timeline", path);
  await writeDurably(path, temporaryFor(path), Buffer.from(page), 0o666);
}
