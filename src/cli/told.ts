/** An error that whoever reads us has been told already, in the form that was asked for: only its exit code is left to give. */
export class ToldError extends Error {
  override readonly name = "ToldError";

  constructor(cause: unknown) {
    super("told already", { cause });
  }
}
