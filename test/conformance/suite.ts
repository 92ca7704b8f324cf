import { afterAll, beforeAll, describe, test } from "vitest";
import type { Send } from "../../src/http/send.ts";
import { Client } from "./client.ts";
import { deleteStates } from "./states-delete.ts";
import { listStates } from "./states-list.ts";
import { manifestStates } from "./states-manifest.ts";
import { pullStates } from "./states-pull.ts";
import { uploadStates } from "./states-upload.ts";

/** A state of the API: what a registry must do, in repositories of the state's own. */
export type States = Readonly<Record<string, (client: Client) => Promise<void>>>;

const chapters: Readonly<Record<string, States>> = {
  pull: pullStates,
  "push: blobs": uploadStates,
  "push: manifests": manifestStates,
  discovery: listStates,
  management: deleteStates,
};

/** A running registry. */
export interface Subject extends AsyncDisposable {
  readonly send: Send;
  /** Where it is, such as `http://127.0.0.1:5000`. */
  readonly base: string;
}

/**
 * What a registry is known to do otherwise: the state's name and the reason. A state that holds after all is a failure, unless it
 * holds by chance: those are not run.
 */
export type Differences = Readonly<Record<string, string | { readonly sometimes: string }>>;

/** Runs every state of the distribution API against the registry that `open` starts; skips all where there is none to start. */
export function conformanceSuite(
  name: string,
  open: (() => Promise<Subject>) | undefined,
  differences: Differences = {},
): void {
  describe.skipIf(open === undefined)(name, () => {
    let subject: Subject | undefined;
    beforeAll(async () => {
      subject = await open?.();
    });
    afterAll(async () => {
      await subject?.[Symbol.asyncDispose]();
    });
    for (const [chapter, states] of Object.entries(chapters)) {
      describe(chapter, () => {
        for (const [state, run] of Object.entries(states)) {
          const reason = differences[state];
          const check = async () => run(new Client(subject!.send, subject!.base));
          if (reason === undefined) test(state, check);
          else if (typeof reason === "object") test.skip(`${state} (differs sometimes: ${reason.sometimes})`, check);
          else test.fails(`${state} (differs: ${reason})`, check);
        }
      });
    }
    test("every difference on the list names a state", ({ expect }) => {
      const known = Object.values(chapters).flatMap((states) => Object.keys(states));
      expect(Object.keys(differences).filter((state) => !known.includes(state))).toEqual([]);
    });
  });
}
