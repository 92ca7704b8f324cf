import { expect, test } from "vitest";
import { systemClock } from "../../async/clock.ts";
import { plainRenderer } from "./plain.ts";
import { script } from "../../../test/support/progress-script.ts";

function plain(events = script): string {
  let text = "";
  const renderer = plainRenderer({
    output: { write: (chunk) => (text += String(chunk)) },
    clock: systemClock(),
    env: {},
    debug: false,
  });
  for (const event of events) renderer.event(event);
  renderer.close();
  return text;
}

test("plainRenderer writes buildkit's form when two targets run side by side and one fails", () => {
  const small = `sha256:${"a".repeat(64)}`;
  const large = `sha256:${"b".repeat(64)}`;

  expect(plain()).toBe(`#1 [internal] pushing one.example/app
#1 0.000 copying ${small} from one.example/app to one.example/app
#1 ...

#2 [internal] pushing two.example/app
#2 0.400 retry 2 in 1.2s: PATCH https://two.example/v2/app/blobs/uploads/1: 503
#2 5.900 4.00MB / 4.00MB
#2 ${large} 4.00MB / 4.00MB done
WARNING: this repository is \\x1b[31mold (two.example)
#2 10.90 1 sent (4.00MB)
#2 ERROR: Cannot push manifest: denied

#1 [internal] pushing one.example/app
#1 6.200 tag 1.0 created
#1 6.200 1 mounted
#1 DONE 6.2s
------
 > [internal] pushing two.example/app:
0.400 retry 2 in 1.2s: PATCH https://two.example/v2/app/blobs/uploads/1: 503
5.900 4.00MB / 4.00MB
${large} 4.00MB / 4.00MB done
10.90 1 sent (4.00MB)
------
`);
});

test("plainRenderer says CANCELED and shows no failure when the run was cancelled", () => {
  const text = plain([
    { type: "work-started", id: "a", name: "pushing x", at: 0 },
    { type: "work-done", id: "a", error: "Cancelled: got SIGINT", at: 900 },
  ]);

  expect(text).toBe("#1 [internal] pushing x\n#1 CANCELED\n");
});

test("plainRenderer says at the end what it has kept back of every target that never ended", () => {
  const text = plain([
    { type: "work-started", id: "a", name: "pushing a", at: 0 },
    { type: "work-started", id: "b", name: "pushing b", at: 0 },
    { type: "work-started", id: "c", name: "pushing c", at: 0 },
    { type: "work-log", id: "b", message: "kept back", at: 10 },
  ]);

  expect(text).toContain("#2 [internal] pushing b\n#2 0.010 kept back\n");
  expect(text).toContain("#3 [internal] pushing c\n");
});
