import type { Command } from "commander";
import { onErrorPolicies, onTagErrorPolicies, strategies, verifyPolicies } from "../../transfer/policy.ts";
import type { Host } from "../host.ts";
import {
  addChoice,
  addCommonOptions,
  addExamples,
  addList,
  addRegistryOptions,
  addSwitch,
  addValue,
  newCommand,
} from "../options.ts";
import { addRecordOptions } from "../recorder.ts";
import { addTimelineOption } from "../timeline/film.ts";
import { addProgressOptions } from "../in-show.ts";
import { publishImage, type CreateFlags } from "../publish-image.ts";

/** `waybill create`, and `waybill imagetools create` with upstream's flags and defaults. */
export function createCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] [SOURCE...]")
    .description("Create a new image based on source images: join them, change what describes them, publish the result")
    .argument("[sources...]", "References, digests of a repository that is named already, or descriptors as JSON");
  addImageOptions(command);
  addPublishOptions(command);
  addOutputOptions(command);
  addRecordOptions(command);
  addRegistryOptions(command);
  addCommonOptions(command);
  addExamples(
    command,
    [
      "Join two build jobs' images and publish to two registries",
      `${path} -t ghcr.io/acme/app:1 -t acme/app:1 acme/app:1-amd64 acme/app:1-arm64`,
    ],
    [
      "Promote an image with its signatures, byte for byte",
      `${path} -t acme/app:1 harbor.corp.example/staging/app:1-rc`,
    ],
    ["Add a platform to an image that is there", `${path} --append -t acme/app:1 acme/app:1-riscv64`],
    ["See what it would be", `${path} --dry-run acme/app:1-amd64 acme/app:1-arm64`],
  );
  return command.action((sources: readonly string[], flags: CreateFlags) => publishImage(sources, flags, host));
}

function addImageOptions(command: Command): void {
  command.optionsGroup("Image:");
  addList(command, "-t, --tag <reference>", "Name of the new image, in a registry or oci-layout://PATH; repeatable");
  addList(
    command,
    "-f, --file <path>",
    "Read a source from a file, or with - from standard input: descriptor, digest, reference or buildx metadata; repeatable",
  );
  addSwitch(command, "--append", "Take the first --tag as the first source");
  addList(
    command,
    "--annotation <text>",
    "Add an annotation, [index:|manifest-descriptor[PLATFORM]:]KEY=VALUE; repeatable",
  );
  addList(command, "-p, --platform <platform>", "Keep only these platforms; repeatable, or separated by commas");
  addSwitch(command, "--prefer-index", "Put a single image into an index; =false makes a plain copy", true);
  addValue(
    command,
    "--referrers <types>",
    "Signatures, attestations and SBOMs that travel along: default, all, none or artifact types; none also stops the search for attestations of images without one (default: default)",
  );
}

function addPublishOptions(command: Command): void {
  command.optionsGroup("Publishing:");
  addChoice(
    command,
    "--on-error <policy>",
    "When a target fails: abort (write no tag anywhere before all are staged) or keep-going (each for itself) (default: abort)",
    onErrorPolicies,
  );
  addChoice(
    command,
    "--verify <what>",
    "What to ask for before tags are written: ack (nothing more), manifests or full (default: ack for one target, manifests for several)",
    verifyPolicies,
  );
  addChoice(
    command,
    "--on-tag-error <policy>",
    "When a tag cannot be written: finish (the other targets get theirs) or rollback (tags that were moved are put back) (default: finish)",
    onTagErrorPolicies,
  );
  addSwitch(
    command,
    "--delete-created-tags",
    "With --on-tag-error rollback: delete tags again that named nothing before, where the registry is known to delete nothing else with a tag",
  );
  addChoice(
    command,
    "--strategy <order>",
    "parallel, or serial: one target after the other, in the given order, one blob at a time (default: parallel)",
    strategies,
  );
  command.option("-n, --no-clobber", "Never move a tag that names something else");
  addList(
    command,
    "--expect-digest <reference=digest>",
    "Move the tag only if it names this digest now, or with =absent nothing; repeatable",
  );
}

function addOutputOptions(command: Command): void {
  command.optionsGroup("Output:");
  addSwitch(command, "--dry-run", "Show the final image instead of pushing it");
  addValue(command, "--metadata-file <path>", "Write the result as JSON to this file", (path) => path);
  addProgressOptions(command);
  addTimelineOption(command);
}
