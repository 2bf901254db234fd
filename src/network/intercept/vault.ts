import type { CredentialRule } from "../../policy/index.ts";
import { placeholderFor } from "./placeholder.ts";
import { readCredential, type Sources } from "./sources.ts";

interface Held {
  readonly value: string;
  readonly placeholder: string;
  /** Other ways in which it is sent, or comes back. */
  readonly spellings: Set<string>;
}

/**
 * The credentials of a run. Values go into headers of requests and nowhere else: nothing here can be printed,
 * serialised or listed.
 */
export class Vault {
  readonly #sources: Sources;
  /** By where they come from, so that a changed rule cannot get another rule's value. */
  readonly #held = new Map<string, Held>();
  readonly #placeholders = new Map<string, string>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** Reads what it does not hold yet, all or nothing. Errors as `readCredential`. */
  async add(rules: readonly CredentialRule[]): Promise<void> {
    const fresh = rules.filter((rule) => !this.#held.has(keyOf(rule)));
    const read = await Promise.all(
      fresh.map(async (rule) => ({ rule, value: await readCredential(rule, this.#sources) })),
    );
    for (const { rule, value } of read) {
      // Known by name: the program keeps what it was given when it started.
      const placeholder = this.#placeholders.get(rule.name) ?? placeholderFor(value);
      this.#placeholders.set(rule.name, placeholder);
      this.#held.set(keyOf(rule), { value, placeholder, spellings: new Set(spellings(value)) });
    }
    for (const rule of rules) {
      const held = this.#held.get(keyOf(rule));
      if (held !== undefined && rule.basicUser !== null)
        held.spellings.add(basic(rule.basicUser, held.value).replace(/=+$/, ""));
    }
  }

  /** By variable. */
  get placeholders(): ReadonlyMap<string, string> {
    return this.#placeholders;
  }

  /** Headers, name and value in turn, with those of the rules put in the place of the program's own. */
  withCredentials(headers: readonly string[], rules: readonly CredentialRule[]): readonly string[] {
    let result = headers;
    for (const rule of rules) {
      const held = this.#held.get(keyOf(rule));
      // Not read: the request goes out as the program made it.
      if (held === undefined) continue;
      const name = rule.header.toLowerCase();
      result = result.filter((_, index) => (result[index - (index % 2)] ?? "").toLowerCase() !== name);
      const said = rule.basicUser === null ? held.value : basic(rule.basicUser, held.value);
      result = [...result, rule.header, `${rule.before}${said}${rule.after}`];
    }
    return result;
  }

  /** Headers of an answer, name and value in turn, with placeholders wherever they repeat a credential. */
  scrubHeaders(headers: string[]): string[] {
    if (this.#held.size === 0) return headers;
    const result: string[] = [];
    for (let index = 0; index + 1 < headers.length; index += 2) {
      const [name = "", value = ""] = headers.slice(index, index + 2);
      // Names come in any case; there is no honest reason for a credential in one.
      if ([...this.#held.values()].some((held) => name.toLowerCase().includes(held.value.toLowerCase()))) continue;
      result.push(name, this.scrub(value));
    }
    return result;
  }

  /** Text with placeholders in the place of credentials, also where they are written for a URL or for `Basic`. */
  scrub(text: string): string {
    let result = text;
    const texts = [...this.#held.values()].flatMap(({ value, placeholder, spellings: others }) =>
      [value, ...others].map((written) => ({ written, placeholder })),
    );
    // Longer ones first: one may stand in another.
    for (const { written, placeholder } of texts.toSorted((one, other) => other.written.length - one.written.length)) {
      result = result.replaceAll(written, placeholder);
    }
    return result;
  }
}

/** How servers repeat what they were sent, in addresses and in Basic authentication. */
function spellings(value: string): readonly string[] {
  const forUrl = encodeURIComponent(value);
  const lower = forUrl.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase());
  const base64 = Buffer.from(value).toString("base64");
  return [...new Set([forUrl, lower, base64, base64.replace(/=+$/, "")])].filter((text) => text !== value);
}

/** User and password as `Basic` has them (RFC 7617). */
function basic(user: string, password: string): string {
  return Buffer.from(`${user}:${password}`).toString("base64");
}

function keyOf({ name, from }: CredentialRule): string {
  return JSON.stringify([name, from]);
}
