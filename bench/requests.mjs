// How many requests, and how many successive trips, a job costs.
import { noise, program, pushImage, pushIndex, row, runNode, startRegistry, successiveTrips } from "./support.mjs";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };

async function measured(registry, args) {
  registry.forget();
  await runNode([program, "create", "--progress", "none", ...args]);
  const requests = registry.seen();
  return { requests: requests.length, trips: successiveTrips(requests), list: requests };
}

function print(figure, { requests, trips }, most) {
  const reached = requests <= most.requests && trips <= (most.trips ?? Infinity);
  const goal = most.trips === undefined ? `≤ ${most.requests}` : `≤ ${most.requests} / ≤ ${most.trips}`;
  row(
    figure,
    most.trips === undefined ? `${requests} requests` : `${requests} requests / ${trips} trips`,
    goal,
    reached,
  );
}

export async function requestFigures() {
  // A little delay per request makes what is successive visible as such.
  const registry = await startRegistry({ delayMs: 20 });
  const layers = (name) => [1, 2, 3].map((number) => noise(`${name} ${number}`, 10_000));
  const children = [
    await pushImage(registry, "source", { tag: "amd64", platform: amd64, layers: layers("amd64") }),
    await pushImage(registry, "source", { tag: "arm64", platform: arm64, layers: layers("arm64") }),
  ];
  await pushIndex(registry, "source", "both", children);
  const sources = [`${registry.host}/source:amd64`, `${registry.host}/source:arm64`];
  const to = (name) => ["-t", `${registry.host}/${name}`];

  print("two single-platform sources → new repository", await measured(registry, [...to("new-a:1"), ...sources]), {
    requests: 20,
    trips: 7,
  });
  print("  with --referrers none", await measured(registry, [...to("new-b:1"), "--referrers", "none", ...sources]), {
    requests: 16,
    trips: 6,
  });
  print("both sources already in the target repository", await measured(registry, [...to("source:c"), ...sources]), {
    requests: 10,
    trips: 4,
  });
  print("  with --referrers none", await measured(registry, [...to("source:d"), "--referrers", "none", ...sources]), {
    requests: 7,
    trips: 4,
  });
  await measured(registry, [...to("done:1"), `${registry.host}/source:both`]);
  print(
    "target already up to date, --referrers none",
    await measured(registry, [...to("done:1"), "--referrers", "none", `${registry.host}/source:both`]),
    { requests: 3 },
  );
  await registry.close();
}
