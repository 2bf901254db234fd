import { SessionError } from "./error.ts";
import type { Json, JsonObject } from "./json.ts";

/** Reads the parameters of a call: each is named, and there are no others. */
export class Params {
  readonly #params: JsonObject;
  readonly #method: string;

  /** Errors: `invalid_params` for a name that is none of these. */
  constructor(method: string, params: JsonObject, names: readonly string[]) {
    this.#method = method;
    this.#params = params;
    for (const name of Object.keys(params)) {
      if (!names.includes(name)) {
        throw this.#wrong(
          `it takes no ${JSON.stringify(name.slice(0, 100))}; it takes ${names.join(", ") || "nothing"}`,
        );
      }
    }
  }

  /** As it is; null where it is absent. */
  any(name: string): Json {
    return this.#params[name] ?? null;
  }

  text(name: string, longest = 1024 * 1024): string {
    const value = this.optionalText(name, longest);
    if (value === null) throw this.#wrong(`${name} is missing`);
    return value;
  }

  optionalText(name: string, longest = 1024 * 1024): string | null {
    const value = this.any(name);
    if (value === null) return null;
    if (typeof value !== "string") throw this.#wrong(`${name} is no text`);
    if (value.length > longest) throw this.#wrong(`${name} has more than ${longest} characters`);
    return value;
  }

  object(name: string): JsonObject {
    const value = this.any(name);
    if (value === null) return {};
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Array.isArray` leaves readonly arrays in the type
    if (typeof value === "object" && !Array.isArray(value)) return value as JsonObject;
    throw this.#wrong(`${name} is no object`);
  }

  list(name: string, most: number): readonly Json[] {
    const value = this.any(name);
    if (value === null) return [];
    if (!Array.isArray(value)) throw this.#wrong(`${name} is no list`);
    if (value.length > most) throw this.#wrong(`${name} has more than ${most} members`);
    return value;
  }

  texts(name: string, most: number): readonly string[] {
    return this.list(name, most).map((each) => {
      if (typeof each === "string") return each;
      throw this.#wrong(`${name} holds something else than texts`);
    });
  }

  /** Seconds, as milliseconds. */
  seconds(name: string): number | null {
    const value = this.any(name);
    if (value === null) return null;
    if (typeof value === "number" && value > 0 && value <= 1e9) return Math.ceil(value * 1000);
    throw this.#wrong(`${name} is no number of seconds`);
  }

  count(name: string, most: number): number | null {
    const value = this.any(name);
    if (value === null) return null;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
    throw this.#wrong(`${name} is no whole number from 1 to ${most}`);
  }

  #wrong(why: string): SessionError {
    return new SessionError("invalid_params", `${this.#method}: ${why}`);
  }
}
