// npm run bench [NAME…]: the project's figures, each against a baseline of the same run. Machines are noisy: read the ratios.
const benches = {
  requests: async () => (await import("./requests.mjs")).requestFigures(),
  many: async () => (await import("./many-blobs.mjs")).manyBlobFigures(),
  four: async () => (await import("./four.mjs")).fourFigures(),
  bulk: async () => (await import("./bulk.mjs")).bulkFigures(),
  limits: async () => (await import("./limits.mjs")).limitFigures(),
  start: async () => (await import("./start.mjs")).startFigures(),
  telemetry: async () => (await import("./telemetry.mjs")).telemetryFigures(),
};

const wanted = process.argv.slice(2);
for (const [name, run] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n${name}   (npm run bench ${name})`);
  await run();
}
