import {
  anyListType,
  anyType,
  boolType,
  bytesType,
  digestType,
  int64Type,
  intType,
  mapOf,
  pointerTo,
  sliceOf,
  stringType,
  struct,
  timeType,
  type GoField,
  type GoType,
} from "../template/type.ts";

/** The Go structs behind the fields of a template: names, JSON names and order of image-spec v1.1.1 and of buildx. */

const textList = sliceOf(stringType);
const textMap = mapOf(stringType);
const set = mapOf(struct("struct {}", []));

function field(name: string, json: string, type: GoType = stringType): GoField {
  return { name, json, type };
}

function optional(name: string, json: string, type: GoType = stringType): GoField {
  return { name, json, type, omitEmpty: true };
}

const platformType = struct("v1.Platform", [
  field("Architecture", "architecture"),
  field("OS", "os"),
  optional("OSVersion", "os.version"),
  optional("OSFeatures", "os.features", textList),
  optional("Variant", "variant"),
]);

export const descriptorType = struct("v1.Descriptor", [
  field("MediaType", "mediaType"),
  field("Digest", "digest", digestType),
  field("Size", "size", int64Type),
  optional("URLs", "urls", textList),
  optional("Annotations", "annotations", textMap),
  optional("Data", "data", bytesType),
  optional("Platform", "platform", pointerTo(platformType)),
  optional("ArtifactType", "artifactType"),
]);

/** What Go calls a struct without a name. */
const indexTypeName =
  'struct { SchemaVersion int "json:\\"schemaVersion\\""; MediaType string "json:\\"mediaType,omitempty\\""; ' +
  'Digest digest.Digest "json:\\"digest\\""; Size int64 "json:\\"size\\""; Manifests []v1.Descriptor "json:\\"manifests\\""; ' +
  'Annotations map[string]string "json:\\"annotations,omitempty\\"" }';

/** An index beside its own digest and size. */
export const indexType = struct(indexTypeName, [
  field("SchemaVersion", "schemaVersion", intType),
  optional("MediaType", "mediaType"),
  field("Digest", "digest", digestType),
  field("Size", "size", int64Type),
  field("Manifests", "manifests", sliceOf(descriptorType)),
  optional("Annotations", "annotations", textMap),
]);

const configType = struct("v1.ImageConfig", [
  optional("User", "User"),
  optional("ExposedPorts", "ExposedPorts", set),
  optional("Env", "Env", textList),
  optional("Entrypoint", "Entrypoint", textList),
  optional("Cmd", "Cmd", textList),
  optional("Volumes", "Volumes", set),
  optional("WorkingDir", "WorkingDir"),
  optional("Labels", "Labels", textMap),
  optional("StopSignal", "StopSignal"),
  optional("ArgsEscaped", "ArgsEscaped", boolType),
]);

const rootFsType = struct("v1.RootFS", [field("Type", "type"), field("DiffIDs", "diff_ids", sliceOf(digestType))]);

const historyType = struct("v1.History", [
  optional("Created", "created", pointerTo(timeType)),
  optional("CreatedBy", "created_by"),
  optional("Author", "author"),
  optional("Comment", "comment"),
  optional("EmptyLayer", "empty_layer", boolType),
]);

export const imageType = struct("v1.Image", [
  optional("Created", "created", pointerTo(timeType)),
  optional("Author", "author"),
  { name: "Platform", embedded: true, type: platformType },
  field("Config", "config", configType),
  field("RootFS", "rootfs", rootFsType),
  optional("History", "history", sliceOf(historyType)),
]);

export const provenanceType = struct("imagetools.provenanceStub", [optional("SLSA", "SLSA", anyType)]);

export const sbomType = struct("imagetools.sbomStub", [
  optional("SPDX", "SPDX", anyType),
  optional("AdditionalSPDXs", "AdditionalSPDXs", anyListType),
]);

/** The dot of a template, for an image of one platform or of several: then its parts are maps by platform. */
export const singleInput = inputType("imagetools.tplInput", pointerTo(imageType), sbomType, provenanceType);
export const multiInput = inputType(
  "imagetools.tplInputs",
  mapOf(pointerTo(imageType)),
  mapOf(sbomType),
  mapOf(provenanceType),
);

function inputType(name: string, image: GoType, sbom: GoType, provenance: GoType) {
  return struct(name, [
    optional("Name", "name"),
    optional("Manifest", "manifest", anyType),
    optional("Image", "image", image),
    { name: "SBOM", method: true, type: sbom },
    { name: "Provenance", method: true, type: provenance },
  ]);
}
