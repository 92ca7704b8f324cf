import { profileOf, type Habits } from "../../../registry/profiles.ts";
import { note, type Check } from "../check.ts";
import type { Patient } from "../patient.ts";

/** What only a write would show: as far as it is known, from docs/registries.md. */
export const unasked: Check<Patient> = {
  name: "unasked",
  async run(patient) {
    const isThere = await patient.reached().then(
      () => true,
      () => false,
    );
    if (!isThere) return [];
    const habits = { ...profileOf(patient.host).habits, ...(await habitsOfKind(patient)) };
    const known = topics.flatMap(({ of, words }) => words[of(habits) ?? ""] ?? []);
    const open = topics.filter(({ of }) => of(habits) === undefined).map(({ name }) => name);
    const rest = open.length > 0 ? [`not known without a write: ${open.join(", ")}`] : [];
    const source = known.length > 0 ? " (docs/registries.md)" : "";
    return note([...known, ...rest].join("; ") + source, { ...habits });
  },
};

/** What its answers tell of the kind of registry that it is. */
async function habitsOfKind({ host, references, context, ...patient }: Patient): Promise<Habits> {
  const [reference] = references;
  if (!reference) return {};
  await patient.manifest(reference).catch(() => undefined);
  const facts = context.registry(host).repository(reference.location.repository).facts?.();
  return facts?.deletesTagsAlone ? { deletesTags: "yes" } : {};
}

interface Topic {
  readonly name: string;
  readonly of: (habits: Habits) => string | undefined;
  readonly words: Readonly<Record<string, string>>;
}

const topics: readonly Topic[] = [
  {
    name: "mounts",
    of: ({ mounts }) => mounts,
    words: {
      yes: "mounts blobs from other repositories",
      referenced: "mounts blobs that a manifest in the other repository names",
      no: "mounts no blobs from other repositories",
    },
  },
  {
    name: "deleting tags",
    of: ({ deletesTags }) => deletesTags,
    words: { yes: "deletes tags", no: "deletes no tags" },
  },
  {
    name: "immutable tags",
    of: ({ immutableTags }) => immutableTags,
    words: { settable: "tags may be immutable" },
  },
];
