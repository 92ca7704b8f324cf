import { hasCode } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { parseJson } from "../spec/json.ts";
import type { Manifest } from "../spec/manifest.ts";
import { looksMulti, survey, type Reader, type Survey } from "./inspect.ts";
import { readProvenance, readSboms } from "./inspect-attestations.ts";
import {
  descriptorType,
  imageType,
  indexType,
  multiInput,
  provenanceType,
  sbomType,
  singleInput,
} from "./inspect-types.ts";
import { decode, decodeAny } from "../template/decode.ts";
import type { Template } from "../template/template.ts";
import {
  anyListType,
  boxed,
  goInt,
  goString,
  goStruct,
  int64Type,
  digestType,
  mapOf,
  pointTo,
  pointerTo,
} from "../template/type.ts";
import type { GoType, GoValue, StructValue } from "../template/type.ts";

/** The parts of a template's dot that cost requests. */
type Part = "Image" | "SBOM" | "Provenance";

/** Thrown out of a template that asks for a part which is not loaded yet; templates change nothing, so it can run anew. */
class Wanted extends Error {
  readonly part: Part;
  constructor(part: Part) {
    super(part);
    this.part = part;
  }
}

export interface Inspected {
  /** As the user typed it. */
  readonly name: string;
  readonly root: Manifest;
  readonly reader: Reader;
}

/**
 * Runs `template` over an image: `.Name`, `.Manifest`, `.Image`, `.SBOM`, `.Provenance`. Only what the template reaches
 * is loaded.
 *
 * @throws WaybillError `invalid_template`; `invalid_manifest` where a config or an attestation is broken; what the source throws.
 */
export async function renderTemplate(template: Template, inspected: Inspected): Promise<string> {
  const parts = new Map<Part, GoValue>();
  let found: Survey | undefined;
  for (;;) {
    try {
      return template.execute(dotOf(inspected, parts, found));
    } catch (error) {
      if (!(error instanceof Wanted)) throw error;
      found ??= await survey(inspected.root, inspected.reader);
      parts.set(error.part, await loadPart(error.part, found, inspected.reader));
    }
  }
}

function dotOf({ name, root }: Inspected, parts: ReadonlyMap<Part, GoValue>, found: Survey | undefined): StructValue {
  const multi = found ? found.images.size > 1 : looksMulti(root);
  const part = (wanted: Part) => (): GoValue => {
    const value = parts.get(wanted);
    if (value === undefined) throw new Wanted(wanted);
    return value;
  };
  return goStruct(multi ? multiInput : singleInput, {
    Name: goString(name),
    Manifest: boxed(manifestValue(root)),
    Image: part("Image"),
    SBOM: part("SBOM"),
    Provenance: part("Provenance"),
  });
}

function manifestValue({ descriptor, document, bytes }: Manifest): GoValue {
  const { mediaType, digest, size } = descriptor;
  const own = { Digest: goString(digest, digestType), Size: goInt(size, int64Type) };
  if (document.kind === "image") return goStruct(descriptorType, { MediaType: goString(mediaType), ...own });
  const index = decode(indexType, parseJson(bytes, { what: "index" }), "index") as StructValue;
  const data = index.data.map((value, at) => own[indexType.fields[at]?.name as keyof typeof own] ?? value);
  return { ...index, data };
}

function loadPart(part: Part, found: Survey, reader: Reader): Promise<GoValue> {
  if (part === "Image") return loadImages(found, reader);
  const load = part === "SBOM" ? loadSbom : loadProvenance;
  return loadAttested(part === "SBOM" ? sbomType : provenanceType, found, (of) => load(of, reader));
}

async function loadImages({ images }: Survey, reader: Reader): Promise<GoValue> {
  const type = pointerTo(imageType);
  const load = async (image: Descriptor) => pointTo(decode(imageType, await reader.config(image), "image config"));
  const loaded = await Promise.all([...images].map(async ([key, image]) => [key, await load(image)] as const));
  if (loaded.length > 1) return { kind: "map", type: mapOf(type), data: new Map(loaded) };
  return loaded[0]?.[1] ?? { kind: "pointer", type, data: undefined };
}

type Load = (attestations: readonly Descriptor[]) => Promise<GoValue | undefined>;

async function loadAttested(type: GoType, { images, attestations }: Survey, load: Load): Promise<GoValue> {
  const of = ({ digest }: Descriptor) => attestations.get(digest) ?? [];
  if (images.size <= 1) {
    const [image] = images.values();
    return (image && (await forgiving(() => load(of(image))))) ?? decode(type, {}, "attestation");
  }
  const loaded = await Promise.all([...images].map(async ([key, image]) => [key, await load(of(image))] as const));
  const present = loaded.flatMap(([key, value]) => (value ? [[key, value] as const] : []));
  return { kind: "map", type: mapOf(type), data: new Map(present) };
}

/** For one platform a broken or missing attestation counts as none, as in buildx; that we could not ask does not. */
async function forgiving(load: () => Promise<GoValue | undefined>): Promise<GoValue | undefined> {
  try {
    return await load();
  } catch (error) {
    if (hasCode(error, "invalid_manifest", "not_found", "blob_unknown", "too_large")) return undefined;
    throw error;
  }
}

async function loadSbom(attestations: readonly Descriptor[], reader: Reader): Promise<GoValue | undefined> {
  const [first, ...others] = await readSboms(attestations, reader).then((sboms) => sboms.map(decodeAny));
  if (first === undefined) return undefined;
  // Without another one Go's slice is nil, which is `null` in JSON.
  const data = others.length > 0 ? others : undefined;
  const additional: GoValue = { kind: "slice", type: anyListType, data };
  return goStruct(sbomType, { SPDX: first, AdditionalSPDXs: additional });
}

async function loadProvenance(attestations: readonly Descriptor[], reader: Reader): Promise<GoValue | undefined> {
  const [provenance] = await readProvenance(attestations, reader).then((found) => found.map(decodeAny));
  return provenance && goStruct(provenanceType, { SLSA: provenance });
}
