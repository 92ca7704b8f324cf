// What image-spec v1.1.1 demands of an index and a manifest, in JSON schema, in our own words.

const mediaType = {
  type: "string",
  pattern: "^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$",
};
const strings = { type: "array", items: { type: "string" } };
const annotations = { type: "object", additionalProperties: { type: "string" } };
const platform = {
  type: "object",
  required: ["architecture", "os"],
  properties: {
    architecture: { type: "string" },
    os: { type: "string" },
    "os.version": { type: "string" },
    "os.features": strings,
    variant: { type: "string" },
  },
  additionalProperties: false,
};
const descriptor = {
  type: "object",
  required: ["mediaType", "size", "digest"],
  properties: {
    mediaType,
    size: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    digest: { type: "string", pattern: "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" },
    urls: strings,
    data: { type: "string" },
    artifactType: mediaType,
    annotations,
    platform,
  },
  additionalProperties: false,
};
const common = { schemaVersion: { const: 2 }, mediaType, artifactType: mediaType, subject: descriptor, annotations };

export const indexSchema = {
  type: "object",
  required: ["schemaVersion", "manifests"],
  properties: { ...common, manifests: { type: "array", items: descriptor } },
  additionalProperties: false,
};

export const manifestSchema = {
  type: "object",
  required: ["schemaVersion", "config", "layers"],
  properties: { ...common, config: descriptor, layers: { type: "array", minItems: 1, items: descriptor } },
  additionalProperties: false,
};
