import { SandboxedError } from "../policy/index.ts";

/**
 * The strings at the top of a property list, as XML or binary (`bplist00`); members of other types are left out.
 * Errors: `requirements_parse` for a list that is neither, or damaged.
 */
export function readPlist(bytes: Buffer, name: string): ReadonlyMap<string, string> {
  const strings = bytes.toString("latin1", 0, 8) === "bplist00" ? readBinary(bytes) : readXml(bytes.toString("utf8"));
  if (strings !== null) return strings;
  throw new SandboxedError("requirements_parse", `${name} is no property list`, {
    hint: "set it by device management",
  });
}

const element = /<key>([^<]*)<\/key>\s*<(string|data)>([^<]*)<\/\2>|<key>[^<]*<\/key>/g;

/** Only the outermost table counts: what is nested is cut out first, innermost ahead. */
function readXml(text: string): ReadonlyMap<string, string> | null {
  const [, body] = /<plist[^>]*>\s*<dict>([^]*)<\/dict>\s*<\/plist>\s*$/.exec(text) ?? [];
  if (body === undefined || text.includes("<!ENTITY") || text.includes("<![CDATA[")) return null;
  let flat = body.replace(/<!--[^]*?-->/g, "");
  for (let before = ""; before !== flat;) {
    before = flat;
    flat = flat.replace(/<(dict|array)>(?:(?!<(?:dict|array)>)[^])*?<\/\1>/g, "<nested/>");
  }
  const found = new Map<string, string>();
  for (const [, key, type, value] of flat.matchAll(element)) {
    if (key === undefined || type === undefined || value === undefined) continue;
    if (found.has(unescaped(key))) return null;
    found.set(unescaped(key), unescaped(value));
  }
  return found;
}

const entities: ReadonlyMap<string, string> = new Map([
  ["&lt;", "<"],
  ["&gt;", ">"],
  ["&amp;", "&"],
  ["&quot;", '"'],
  ["&apos;", "'"],
]);

function unescaped(text: string): string {
  return text.replace(/&\w+;/g, (entity) => entities.get(entity) ?? entity);
}

/** Header, objects, a table of their offsets, and a trailer of 32 bytes that says where things are. */
function readBinary(bytes: Buffer): ReadonlyMap<string, string> | null {
  try {
    return new BinaryPlist(bytes).strings();
  } catch (error) {
    // Reading past the end of the bytes, or an object that is not what it has to be.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

class BinaryPlist {
  readonly #bytes: Buffer;
  readonly #offsetSize: number;
  readonly #referenceSize: number;
  readonly #top: number;
  readonly #offsets: number;

  constructor(bytes: Buffer) {
    const trailer = bytes.length - 32;
    this.#bytes = bytes;
    this.#offsetSize = bytes.readUInt8(trailer + 6);
    this.#referenceSize = bytes.readUInt8(trailer + 7);
    this.#top = Number(bytes.readBigUInt64BE(trailer + 16));
    this.#offsets = Number(bytes.readBigUInt64BE(trailer + 24));
  }

  strings(): ReadonlyMap<string, string> {
    const { type, count, start } = this.#object(this.#top);
    if (type !== 0xd) throw new RangeError("the top is no table");
    const found = new Map<string, string>();
    for (let index = 0; index < count; index++) {
      const key = this.#string(this.#reference(start, index));
      const value = this.#string(this.#reference(start, count + index));
      if (key === null || found.has(key)) throw new RangeError("a key is no string, or there twice");
      if (value !== null) found.set(key, value);
    }
    return found;
  }

  #reference(start: number, index: number): number {
    return this.#bytes.readUIntBE(start + index * this.#referenceSize, this.#referenceSize);
  }

  /** ASCII, UTF-16 or plain bytes; null for an object of another type. */
  #string(index: number): string | null {
    const { type, count, start } = this.#object(index);
    const size = type === 0x6 ? count * 2 : count;
    if (![0x4, 0x5, 0x6].includes(type)) return null;
    if (start + size > this.#bytes.length - 32) throw new RangeError("a string is cut off");
    const content = this.#bytes.subarray(start, start + size);
    if (type === 0x4) return content.toString("base64");
    return type === 0x5 ? content.toString("latin1") : Buffer.from(content).swap16().toString("utf16le");
  }

  /** The high half of the first byte is the type, the low half the count; 15 means that a number follows. */
  #object(index: number): { readonly type: number; readonly count: number; readonly start: number } {
    const at = this.#bytes.readUIntBE(this.#offsets + index * this.#offsetSize, this.#offsetSize);
    const marker = this.#bytes.readUInt8(at);
    const type = marker >> 4;
    if ((marker & 0xf) !== 0xf) return { type, count: marker & 0xf, start: at + 1 };
    const size = 2 ** (this.#bytes.readUInt8(at + 1) & 0xf);
    return { type, count: this.#bytes.readUIntBE(at + 2, Math.min(size, 6)), start: at + 2 + size };
  }
}
