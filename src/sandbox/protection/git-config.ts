/**
 * Reads git's configuration format exactly as git does, because whoever writes the file is not trusted: a key that
 * git sees and this reader does not would be a way round. What git would refuse is reported as `broken`.
 * Grammar: https://git-scm.com/docs/git-config#_syntax
 */
export interface ConfigEntry {
  /** Lower case; empty for a key that stands before any header, which git accepts and nothing asks for. */
  readonly section: string;
  /** As written between the quotes; `""` is not the same as none. */
  readonly subsection: string | null;
  /** Lower case. */
  readonly key: string;
  /** Null for a key without `=`, which git takes as true. */
  readonly value: string | null;
  /** Where key and value stand in the text; `end` is before the line break. */
  readonly start: number;
  readonly end: number;
}

export interface GitConfig {
  readonly entries: readonly ConfigEntry[];
  readonly broken: boolean;
}

/** Larger files are taken as not readable, and then as broken. */
export const configLimit = 1024 * 1024;

/** `text` is Latin-1, as `readSmall` gives it. */
export function parseGitConfig(text: string): GitConfig {
  const reader = new ConfigReader(text);
  try {
    reader.read();
    return { entries: reader.entries, broken: false };
  } catch (error) {
    if (error instanceof BrokenConfig) return { entries: reader.entries, broken: true };
    throw error;
  }
}

/** Takes entries out and leaves every other byte where it was. */
export function withoutEntries(text: string, entries: readonly ConfigEntry[]): string {
  let kept = "";
  let from = 0;
  for (const { start, end } of entries.toSorted((one, other) => one.start - other.start)) {
    const lineStart = text.lastIndexOf("\n", start - 1) + 1;
    const alone = text.slice(lineStart, start).trim() === "";
    const lineEnd = text.startsWith("\r\n", end) ? end + 2 : Math.min(end + 1, text.length);
    kept += text.slice(from, alone ? lineStart : start);
    from = alone ? lineEnd : end;
  }
  return kept + text.slice(from);
}

class BrokenConfig extends Error {}

const byteOrderMark = "\u00EF\u00BB\u00BF";

class ConfigReader {
  readonly entries: ConfigEntry[] = [];
  readonly #text: string;
  #at: number;
  #section = "";
  #subsection: string | null = null;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith(byteOrderMark) ? byteOrderMark.length : 0;
  }

  read(): void {
    if (this.#text.includes("\0")) throw new BrokenConfig();
    for (let c = this.#next(); c !== ""; c = this.#next()) {
      if (isSpace(c)) continue;
      if (c === "#" || c === ";") this.#skipLine();
      else if (c === "[") this.#header();
      else if (/[A-Za-z]/.test(c)) this.#entry(c);
      else throw new BrokenConfig();
    }
  }

  /** One character, `\r\n` counting as one line break; empty at the end. */
  #next(): string {
    if (this.#text.startsWith("\r\n", this.#at)) {
      this.#at += 2;
      return "\n";
    }
    return this.#text.charAt(this.#at++);
  }

  /** Where the character that was just read began. */
  #before(c: string): number {
    if (c === "") return this.#text.length;
    return this.#at - (c === "\n" && this.#text.startsWith("\r\n", this.#at - 2) ? 2 : 1);
  }

  #skipLine(): void {
    for (let c = this.#next(); c !== "\n" && c !== "";) c = this.#next();
  }

  #header(): void {
    let name = "";
    for (let c = this.#next(); c !== "]"; c = this.#next()) {
      if (isSpace(c)) return this.#quoted(name, c);
      if (!/[A-Za-z0-9.-]/.test(c)) throw new BrokenConfig();
      name += c.toLowerCase();
    }
    if (name === "") throw new BrokenConfig();
    // `[section.sub]` is the old spelling of a subsection, folded to lower case.
    const dot = name.indexOf(".");
    this.#section = dot === -1 ? name : name.slice(0, dot);
    this.#subsection = dot === -1 ? null : name.slice(dot + 1);
  }

  #quoted(name: string, blank: string): void {
    let c = blank;
    while (isSpace(c)) {
      if (c === "\n") throw new BrokenConfig();
      c = this.#next();
    }
    if (c !== '"') throw new BrokenConfig();
    let subsection = "";
    for (c = this.#next(); c !== '"'; c = this.#next()) {
      if (c === "\\") c = this.#next();
      if (c === "\n" || c === "") throw new BrokenConfig();
      subsection += c;
    }
    if (this.#next() !== "]") throw new BrokenConfig();
    // `[a.b "c"]` names the section a and the subsection b.c.
    const dot = name.indexOf(".");
    this.#section = dot === -1 ? name : name.slice(0, dot);
    this.#subsection = dot === -1 ? subsection : `${name.slice(dot + 1)}.${subsection}`;
  }

  #entry(first: string): void {
    const start = this.#at - 1;
    let key = first;
    let c = this.#next();
    for (; /^[A-Za-z0-9-]$/.test(c); c = this.#next()) key += c;
    while (c === " " || c === "\t") c = this.#next();
    let value: string | null = null;
    let end = this.#before(c);
    if (c !== "\n" && c !== "") {
      if (c !== "=") throw new BrokenConfig();
      value = this.#value();
      end = this.#end;
    }
    this.entries.push({
      section: this.#section,
      subsection: this.#subsection,
      key: key.toLowerCase(),
      value,
      start,
      end,
    });
  }

  #end = 0;

  #value(): string {
    let value = "";
    let solid = 0;
    let quoted = false;
    let comment = false;
    for (;;) {
      let c = this.#next();
      if (c === "\n" || c === "") {
        if (quoted) throw new BrokenConfig();
        this.#end = this.#before(c);
        return value.slice(0, solid);
      }
      if (comment) continue;
      if (isSpace(c) && !quoted) {
        if (value !== "") value += c;
        continue;
      }
      if (!quoted && (c === ";" || c === "#")) {
        comment = true;
        continue;
      }
      if (c === '"') {
        quoted = !quoted;
        solid = value.length;
        continue;
      }
      if (c === "\\") {
        c = this.#next();
        if (c === "\n" || c === "") continue;
        const escaped = escapes.get(c);
        if (escaped === undefined) throw new BrokenConfig();
        c = escaped;
      }
      value += c;
      solid = value.length;
    }
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["t", "\t"],
  ["b", "\b"],
  ["n", "\n"],
  ["\\", "\\"],
  ['"', '"'],
]);

/** The C library's `isspace` as git has it: no vertical tab, no form feed. */
function isSpace(c: string): boolean {
  return c === " " || c === "\t" || c === "\n" || c === "\r";
}
