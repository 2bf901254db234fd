import { parse } from "smol-toml";

/** Both count from 1; columns in UTF-16 units, as editors count them. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A key, an array element or the document itself, and where it was first written. */
interface KeyNode {
  readonly offset: number;
  readonly children: Map<string, KeyNode>;
  /** Number of elements when the key holds an array of tables (`[[key]]`), else 0. */
  tables: number;
}

const whitespace = /[ \t\r\n]/;
const endOfScalar = /[,\]}#\r\n]/;
const bareKey = /[A-Za-z0-9_-]/;

/**
 * Finds keys in TOML text that is known to be valid: the TOML parser gives values without positions.
 * A path names tables by key and array elements by index. When the path itself is not in the text (its value came
 * with a default) the deepest part of it that is answers; null when nothing of it is there.
 */
export function locate(text: string, path: readonly (string | number)[]): Position | null {
  let node = new Scanner(text).document();
  let offset: number | null = null;
  for (const step of path) {
    const next = node.children.get(String(step));
    if (next === undefined) break;
    node = next;
    offset = next.offset;
  }
  return offset === null ? null : positionAt(text, offset);
}

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
}

/** Reads a dotted key from the start of `text`; `rest` is what follows it. Null when there is none. */
export function readDottedKey(text: string): { readonly path: readonly string[]; readonly rest: string } | null {
  const scanner = new Scanner(text);
  try {
    const path = scanner.dottedKey().map((segment) => segment.name);
    return { path, rest: text.slice(scanner.at) };
  } catch {
    return null;
  }
}

interface Segment {
  readonly name: string;
  readonly offset: number;
}

class Scanner {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): KeyNode {
    const root: KeyNode = { offset: 0, children: new Map(), tables: 0 };
    let table = root;
    if (this.#text.startsWith("\u{feff}")) this.at = 1;
    for (this.#skipVoid(); this.at < this.#text.length; this.#skipVoid()) {
      if (this.#text[this.at] === "[") table = this.#header(root);
      else this.#pair(table);
    }
    return root;
  }

  dottedKey(): Segment[] {
    const segments: Segment[] = [];
    for (;;) {
      this.#skipBlanks();
      segments.push(this.#keySegment());
      this.#skipBlanks();
      if (this.#text[this.at] !== ".") return segments;
      this.at++;
    }
  }

  #header(root: KeyNode): KeyNode {
    const isArray = this.#text[this.at + 1] === "[";
    this.at += isArray ? 2 : 1;
    const segments = this.dottedKey();
    this.at += isArray ? 2 : 1;
    const node = this.#descend(root, segments, !isArray);
    if (!isArray) return node;
    const element: KeyNode = { offset: segments.at(-1)?.offset ?? 0, children: new Map(), tables: 0 };
    node.children.set(String(node.tables++), element);
    return element;
  }

  #pair(table: KeyNode): void {
    const node = this.#descend(table, this.dottedKey(), true);
    this.at++;
    this.#value(node);
  }

  /** `enterLast`: a header or key that names an array of tables means its last element. */
  #descend(from: KeyNode, segments: readonly Segment[], enterLast: boolean): KeyNode {
    let node = from;
    segments.forEach((segment, index) => {
      node = child(node, segment.name, segment.offset);
      const last = node.tables > 0 ? node.children.get(String(node.tables - 1)) : undefined;
      if (last !== undefined && (enterLast || index < segments.length - 1)) node = last;
    });
    return node;
  }

  #value(node: KeyNode): void {
    this.#skipBlanks();
    const first = this.#text[this.at];
    if (first === '"' || first === "'") this.#string(first);
    else if (first === "[") this.#list("]", (index) => this.#value(child(node, String(index), this.at)));
    else if (first === "{") this.#list("}", () => this.#pair(node));
    else while (this.at < this.#text.length && !endOfScalar.test(this.#text.charAt(this.at))) this.at++;
  }

  #list(close: "]" | "}", element: (index: number) => void): void {
    this.at++;
    for (let index = 0; ; index++) {
      this.#skipVoid(",");
      if (this.at >= this.#text.length) return;
      if (this.#text[this.at] === close) break;
      element(index);
    }
    this.at++;
  }

  #string(quote: '"' | "'"): void {
    const fence = this.#text.startsWith(quote.repeat(3), this.at) ? quote.repeat(3) : quote;
    this.at += fence.length;
    while (this.at < this.#text.length && !this.#text.startsWith(fence, this.at)) {
      this.at += quote === '"' && this.#text[this.at] === "\\" ? 2 : 1;
    }
    this.at += fence.length;
    // Up to two quotes may stand directly before the closing fence of a multi-line string.
    while (fence.length === 3 && this.#text[this.at] === quote) this.at++;
  }

  #keySegment(): Segment {
    const offset = this.at;
    const first = this.#text[this.at];
    if (first === '"' || first === "'") this.#string(first);
    else while (bareKey.test(this.#text.charAt(this.at))) this.at++;
    const written = this.#text.slice(offset, this.at);
    if (written === "") throw new Error("a key is missing");
    if (first !== '"' && first !== "'") return { name: written, offset };
    // The TOML parser knows the escapes; asking it keeps one opinion about them.
    const [name] = written.includes("\\") ? Object.keys(parse(`${written} = 0`)) : [written.slice(1, -1)];
    return { name: name ?? "", offset };
  }

  #skipBlanks(): void {
    while (this.#text[this.at] === " " || this.#text[this.at] === "\t") this.at++;
  }

  #skipVoid(also = ""): void {
    for (; this.at < this.#text.length; this.at++) {
      const character = this.#text.charAt(this.at);
      if (character === "#") {
        while (this.at + 1 < this.#text.length && this.#text[this.at + 1] !== "\n") this.at++;
      } else if (!whitespace.test(character) && character !== also) return;
    }
  }
}

function child(node: KeyNode, name: string, offset: number): KeyNode {
  const known = node.children.get(name);
  if (known !== undefined) return known;
  const made: KeyNode = { offset, children: new Map(), tables: 0 };
  node.children.set(name, made);
  return made;
}
