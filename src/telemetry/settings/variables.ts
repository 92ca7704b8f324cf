/** An environment, or a part of one. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads variables. What cannot be understood counts as not set and is one warning; warnings never quote what may be a secret.
 * An empty value is no value. Spec: OpenTelemetry 1.50, "Environment Variable Specification".
 */
export class Variables {
  readonly #warnings = new Map<string, string>();
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** One for each variable. */
  get warnings(): readonly string[] {
    return [...this.#warnings.values()];
  }

  /** The value without the blanks around it; the first of `names` that has one. */
  text(...names: readonly string[]): { readonly name: string; readonly value: string } | undefined {
    for (const name of names) {
      const value = this.#env[name]?.trim();
      if (value) return { name, value };
    }
    return undefined;
  }

  flag(name: string): boolean {
    const value = this.text(name)?.value.toLowerCase() ?? "false";
    if (value !== "true" && value !== "false") this.warn(name, `${quote(value)} is neither true nor false`);
    return value === "true";
  }

  /** A whole number of at least `least`. */
  count<T>(names: readonly string[], least: number, otherwise: T): number | T {
    const found = this.text(...names);
    if (!found) return otherwise;
    const isNumber = /^\d{1,15}$/.test(found.value) && Number(found.value) >= least;
    if (!isNumber) this.warn(found.name, `${quote(found.value)} is not a whole number from ${least}`);
    return isNumber ? Number(found.value) : otherwise;
  }

  /** A time in whole milliseconds, as long as a timer can be: Node takes a longer one for 1 ms. */
  delayMs(names: readonly string[], least: number, otherwise: number): number {
    return Math.min(this.count(names, least, otherwise), 2 ** 31 - 1);
  }

  choice<T extends string>(names: readonly string[], choices: readonly T[], otherwise: T): T {
    const found = this.text(...names);
    if (!found) return otherwise;
    const choice = choices.find((one) => one === found.value.toLowerCase());
    if (choice === undefined) this.warn(found.name, `${quote(found.value)} is not one of ${choices.join(", ")}`);
    return choice ?? otherwise;
  }

  /** Names separated by commas, each once; those that are not among `choices` are left out. */
  list<T extends string>(name: string, choices: readonly T[]): readonly T[] | undefined {
    const found = this.text(name);
    if (!found) return undefined;
    const parts = found.value.split(",").map((part) => part.trim().toLowerCase());
    const wrong = parts.filter((part) => part !== "" && !choices.some((one) => one === part));
    if (wrong.length > 0) this.warn(name, `${wrong.map(quote).join(", ")} is not one of ${choices.join(", ")}`);
    return choices.filter((one) => parts.includes(one));
  }

  warn(name: string, seen: string): void {
    if (!this.#warnings.has(name)) this.#warnings.set(name, `Cannot use ${name}: ${seen}`);
  }
}

/** As it may stand in a sentence. */
export function quote(value: string): string {
  return JSON.stringify(value.slice(0, 100));
}

/**
 * Reads `key=value,key=value` with percent-encoded values, keys in order.
 *
 * @throws URIError, TypeError where it is not of this form. Spec: W3C Baggage, without properties.
 */
export function pairs(text: string): readonly (readonly [string, string])[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const equals = part.indexOf("=");
      if (equals < 1) throw new TypeError("not key=value");
      return [part.slice(0, equals).trim(), decodeURIComponent(part.slice(equals + 1).trim())] as const;
    });
}
