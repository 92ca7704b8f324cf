import type { Failure } from "../failure.ts";

/** What Waybill itself says, as far as no other table has it. */
export const own: readonly Failure[] = [
  {
    id: "partly-published",
    kind: "outcome",
    about: "Some tags moved although the run failed",
    signs: ["cannot publish everywhere"],
    cause: "A target failed after tags of others had been written.",
    instead: "Put right what failed and run the same command again: what is there is not sent again",
  },
  {
    id: "held-back",
    kind: "outcome",
    about: "Targets got no tags because another target failed",
    signs: ["held back: another target failed"],
    cause: "By default no tag is written anywhere before all targets hold the image.",
    instead: "Mend the target that failed; --on-error keep-going lets each target have its own way",
  },
  {
    id: "foreign-token-service",
    kind: "permission",
    about: "The registry names a token service on a foreign host",
    signs: ["cannot send the credential for … to the token service"],
    cause: "A credential is sent only to the registry's own domain and to services that are known to serve it.",
    instead: "If that host may have the credential, add --trust-realm HOST",
  },
  {
    id: "forbidden-address",
    kind: "network",
    about: "The registry leads to a private or link-local address",
    signs: ["cannot follow … address"],
    cause: "A registry's word alone does not lead to addresses inside of a network.",
    instead: "If its content or tokens really lie there, add --allow-private HOST",
  },
  {
    id: "tag-moved",
    kind: "outcome",
    about: "A tag names something else than it should before it is moved",
    signs: ["cannot move tag ", "--no-clobber never moves a tag"],
    cause: "Somebody else wrote it, or it exists already.",
    instead: "Look who else publishes this tag, then run the command again",
  },
];
