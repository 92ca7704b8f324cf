import { answers } from "./failures/answers.ts";
import { crashes } from "./failures/crashes.ts";
import { network } from "./failures/network.ts";
import { own } from "./failures/own.ts";
import { setup } from "./failures/setup.ts";
import type { Failure } from "./failure.ts";

/** Every failure that is known. Of crashes the more special come first. */
export const knownFailures: readonly Failure[] = [...crashes, ...setup, ...answers, ...network, ...own];
