import { hasCode } from "../../../errors.ts";
import { repositoryScope } from "../../../spec/scope.ts";
import type { SignIn } from "../../../registry/auth/sign-in.ts";
import { loginWords } from "../../../registry/login-words.ts";
import { failure, saidOfEach, note, ok, warning, type Check, type Said } from "../check.ts";
import type { Patient } from "../patient.ts";

/** Whether somebody with our credential may read. Without a repository: whether the credential is taken. */
export const pull: Check<Patient> = {
  name: "pull",
  async run(patient) {
    await patient.reached();
    const repositories = repositoriesOf(patient);
    if (repositories.length === 0) return taken(await patient.signIn([]));
    return saidOfEach(repositories, patient.options.signal, (repository) => mayPull(patient, repository));
  },
};

function repositoriesOf({ references, probes }: Patient): readonly string[] {
  return [...new Set([...references.map(({ location }) => location.repository), ...probes])];
}

function taken(signIn: SignIn): Said {
  if (signIn.scheme === "none") return note("nobody is asked who they are", factsOf(signIn));
  return ok(signIn.account ? `the credential is taken: ${whoIs(signIn)}` : whoIs(signIn), factsOf(signIn));
}

async function mayPull(patient: Patient, repository: string): Promise<Said> {
  const result = await patient.signIn([repositoryScope(repository, "pull")]);
  const facts = { repository, ...factsOf(result) };
  const text = `${repository}: ${whoIs(result)}`;
  if ((result.missing ?? []).length === 0) return ok(text, facts);
  const advice = result.account
    ? "the token does not let this account read it: check the name and the account's rights"
    : `log in with: ${loginWords(patient.host)}`;
  return failure(`${text}, may not pull`, advice, facts);
}

/** Whether somebody with our credential may write, as far as a token tells: nothing is written to find out. */
export const push: Check<Patient> = {
  name: "push",
  async run(patient) {
    const { probes } = patient;
    // A repository that is probed is asked itself.
    const repositories = repositoriesOf(patient).filter((repository) => !probes.includes(repository));
    if (repositories.length === 0) return [];
    await patient.reached();
    return saidOfEach(repositories, patient.options.signal, (repository) => mayPush(patient, repository));
  },
};

async function mayPush(patient: Patient, repository: string): Promise<Said> {
  const { host } = patient;
  const name = `${host}/${repository}`;
  await patient.readable(repository);
  try {
    const result = await patient.signIn([repositoryScope(repository, "pull", "push")]);
    const facts = { repository, ...factsOf(result) };
    if (result.missing === undefined) {
      return note(`${repository}: only a write would show (--probe ${name})`, { ...facts, allowed: null });
    }
    if (result.missing.length === 0) return ok(`${repository}: the token allows it`, { ...facts, allowed: true });
    return notAllowed(repository, result.account ? undefined : host, facts);
  } catch (error) {
    if (!hasCode(error, "auth_denied", "auth_required")) throw error;
    return notAllowed(repository, error.code === "auth_required" ? host : undefined, { repository, code: error.code });
  }
}

/** Sources need not be written to, so this is no failure. */
function notAllowed(repository: string, loginTo: string | undefined, facts: Said["facts"]): Said {
  const advice =
    loginTo === undefined
      ? "right where it is only a source; as a target the account needs the right to write it"
      : `right where it is only a source; as a target it needs: ${loginWords(loginTo)}`;
  return warning(`${repository}: not allowed`, advice, { ...facts, allowed: false });
}

function whoIs({ account, scheme }: SignIn): string {
  if (scheme === "none") return "anybody";
  if (!account) return "anonymous";
  const { username, source } = account;
  return username === undefined ? `a token, ${source}` : `as ${username}, ${source}`;
}

function factsOf({ scheme, account, service, missing }: SignIn): NonNullable<Said["facts"]> {
  return { scheme, username: account?.username, source: account?.source ?? null, tokenService: service, missing };
}
