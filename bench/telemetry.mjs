// What telemetry costs a publish: traces and metrics to a collector that takes everything, against none, in turns.
import { createServer } from "node:http";
import { fill } from "./many-blobs.mjs";
import { median, program, row, runNode, startRegistry } from "./support.mjs";

// One run differs from the next by a tenth, what is looked for is a thirtieth: fewer pairs would say nothing.
const rounds = 41;
const badRounds = 25;

export async function telemetryFigures() {
  const collector = createServer((request, response) => request.resume().on("end", () => response.end()));
  await new Promise((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const watched = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.address().port}` };
  await withPublish({ delayMs: 0 }, async (publish) => {
    const pairs = await offAndOn(publish, watched);
    const memory = median(pairs.map(({ off, on }) => on.peakMb - off.peakMb));
    const after = median(pairs.map(({ on }) => on.wallS - on.resultS));
    const figure = "8 platforms × 30 layers with traces and metrics on";
    timeRow(`${figure}, until the result`, pairs);
    row(`${figure}, peak memory`, `${memory.toFixed(1)} MB more`, "≤ 20", memory <= 20);
    row(`${figure}, after the result`, `${after.toFixed(2)} s`, "≤ 2 s", after <= 2);
    await badCollectorFigures(publish, watched);
  });
  await withPublish({ delayMs: 50 }, async (publish) => {
    timeRow("the same, 50 ms on each request, until the result", await offAndOn(publish, watched));
  });
  collector.closeAllConnections();
  collector.close();
}

/** Calls `measure` with what publishes an image of many small layers from one registry to another. */
async function withPublish({ delayMs }, measure) {
  const [from, to] = [await startRegistry({ delayMs }), await startRegistry({ delayMs })];
  await fill(from);
  await measure((name, env) =>
    runNode([program, "create", "-q", "--no-journal", "-t", `${to.host}/${name}:1`, `${from.host}/source:1`], { env }),
  );
  await Promise.all([from.close(), to.close()]);
}

/** The first round warms up. */
async function offAndOn(publish, watched) {
  const pairs = await inTurns(publish, "off-and-on", { rounds: rounds + 1, one: {}, other: watched });
  return pairs.slice(1).map(({ one, other }) => ({ off: one, on: other }));
}

/** Publishes in two surroundings. Whoever comes second finds a warmer machine: they take turns. */
async function inTurns(publish, name, { rounds: count, one, other }) {
  const pairs = [];
  for (let round = 0; round < count; round++) {
    const order = round % 2 === 0 ? [one, other] : [other, one];
    const [first, second] = [
      await publish(`${name}-${round}-a`, order[0]),
      await publish(`${name}-${round}-b`, order[1]),
    ];
    pairs.push(round % 2 === 0 ? { one: first, other: second } : { one: second, other: first });
  }
  return pairs;
}

function timeRow(figure, pairs) {
  const time = median(pairs.map(({ off, on }) => on.resultS / off.resultS));
  row(figure, `${time.toFixed(3)} × off`, "≤ 1.03", time <= 1.03);
}

/** A collector that is no use, against one that takes everything: neither the result's time nor the memory may tell them apart. */
async function badCollectorFigures(publish, good) {
  const unavailable = createServer((request, response) =>
    request.resume().on("end", () => response.writeHead(503).end()),
  );
  const silent = createServer((request) => request.resume());
  const refused = createServer();
  const servers = [unavailable, silent, refused];
  for (const server of servers) await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const kinds = { "answers 503": unavailable, "says nothing": silent, refuses: refused };
  const bad = Object.entries(kinds).map(([kind, server]) => [kind, `http://127.0.0.1:${server.address().port}`]);
  await new Promise((resolve) => refused.close(resolve));
  for (const [kind, url] of bad) {
    const surroundings = { rounds: badRounds, one: good, other: { OTEL_EXPORTER_OTLP_ENDPOINT: url } };
    const pairs = await inTurns(publish, kind.replaceAll(" ", "-"), surroundings);
    const time = median(pairs.map(({ one, other }) => other.resultS / one.resultS));
    const memory = median(pairs.map(({ one, other }) => other.peakMb - one.peakMb));
    const after = Math.max(...pairs.map(({ other }) => other.wallS - other.resultS));
    row(`a collector that ${kind}, until the result`, `${time.toFixed(3)} × a good one`, "≤ 1.03", time <= 1.03);
    row(`a collector that ${kind}, peak memory`, `${memory.toFixed(1)} MB more`, "≤ 5", memory <= 5);
    row(`a collector that ${kind}, longest time after the result`, `${after.toFixed(2)} s`, "≤ 2.2 s", after <= 2.2);
  }
  for (const server of [unavailable, silent]) {
    server.closeAllConnections();
    server.close();
  }
}
