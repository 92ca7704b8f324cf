import { expect, test } from "vitest";
import { rawResponse, socketServer } from "../../../../test/support/socket-server.ts";
import { createPoster } from "./post.ts";

test("post goes on when it is to end later than Node's timers can tell", async () => {
  const later = 2 ** 31 + 1000;
  let hurry: () => void = () => undefined;
  await using server = await socketServer((socket) => {
    socket.once("data", () => {
      hurry();
      // A timer that fires at once does so after 1 ms; what is set later is called later.
      setTimeout(() => socket.end(rawResponse("200 OK", "ok")), 2);
    });
  });
  const poster = await createPoster(
    { kind: "otlp", url: server.url, encoding: "json", headers: {}, timeoutMs: later, compression: "none" },
    {},
    "waybill/test",
  );
  hurry = () => poster.hurry(Date.now() + later);

  const posted = await poster.post(new Uint8Array(2), later);

  poster.close();
  expect(posted).toMatchObject({ ok: true });
});
