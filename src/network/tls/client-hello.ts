/** The outer server name of a ClientHello; null when it names none. */
export interface ClientHello {
  readonly serverName: string | null;
}

const alertRecord = 0x15;
const handshakeRecord = 0x16;
/** What Go takes for a first record's version at most. */
const highestMajor = 15;
const clientHelloMessage = 0x01;
const serverNameExtension = 0;
const largestRecord = 16_384;

/**
 * Whether some server would take these first bytes for TLS; undefined while there are too few. Go and Java look at a
 * first record's version hardly at all, and pass over a warning before the hello.
 */
export function looksLikeTls(bytes: Buffer): boolean | undefined {
  const [type, major, , , length, first] = bytes;
  if (type !== handshakeRecord && type !== alertRecord) return false;
  if (major === undefined) return undefined;
  if (type === handshakeRecord && major === 3) return true;
  if (major > highestMajor) return false;
  if (first === undefined) return undefined;
  return type === alertRecord ? length === 2 && (first === 1 || first === 2) : first === clientHelloMessage;
}

/**
 * Reads the ClientHello (RFC 8446, section 4.1.2) from the start of a connection, put together from as many records
 * as it was cut into. Undefined while incomplete, "malformed" for what no honest client sends. Extensions other than
 * the server name, GREASE and encrypted hellos among them, are passed over.
 */
export function readClientHello(bytes: Buffer): ClientHello | "malformed" | undefined {
  const message = joinRecords(bytes);
  return Buffer.isBuffer(message) ? readHelloMessage(message) : message;
}

/** The same of one whole message, with its head of four bytes and without records. */
export function readHelloMessage(message: Buffer): ClientHello | "malformed" {
  return readBody(new Fields(message.subarray(4)));
}

/**
 * The one message that the records hold, with its head of four bytes. Asked again at every byte that comes: nothing is
 * copied before the message is whole, so that one cut into single bytes costs a glance at each.
 */
function joinRecords(bytes: Buffer): Buffer | "malformed" | undefined {
  let head = 0;
  let have = 0;
  let needed = 4;
  for (let at = 0; at < bytes.length && have < needed;) {
    // Records of another kind may follow a whole ClientHello (early data), but not stand inside one.
    if (bytes[at] !== handshakeRecord || (bytes.length > at + 1 && bytes[at + 1] !== 3)) return "malformed";
    if (bytes.length < at + 5) break;
    const length = (bytes[at + 3] ?? 0) * 256 + (bytes[at + 4] ?? 0);
    if (length === 0 || length > largestRecord) return "malformed";
    const end = Math.min(at + 5 + length, bytes.length);
    for (let next = at + 5; next < end && next - at - 5 + have < 4; next += 1) head = head * 256 + (bytes[next] ?? 0);
    have += end - at - 5;
    if (have >= 4) needed = 4 + (head % 2 ** 24);
    at += 5 + length;
  }
  if (have > 0 && bytes[5] !== clientHelloMessage) return "malformed";
  return have < needed ? undefined : copied(bytes, needed);
}

/** `length` bytes of the records, which are all there. */
function copied(bytes: Buffer, length: number): Buffer {
  const message = Buffer.allocUnsafe(length);
  for (let at = 0, filled = 0; filled < length; at += 5 + bytes.readUInt16BE(at + 3)) {
    filled += bytes.copy(message, filled, at + 5, at + 5 + bytes.readUInt16BE(at + 3));
  }
  return message;
}

function readBody(fields: Fields): ClientHello | "malformed" {
  fields.skip(2 + 32);
  fields.vector(1);
  fields.vector(2);
  fields.vector(1);
  if (fields.isEmpty) return { serverName: null };
  const extensions = new Fields(fields.vector(2));
  let serverName: string | null = null;
  while (extensions.holds) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (type !== serverNameExtension) continue;
    if (serverName !== null) return "malformed";
    serverName = readServerName(content);
    if (serverName === null) return "malformed";
  }
  return fields.isEmpty && extensions.isEmpty ? { serverName } : "malformed";
}

/** RFC 6066, section 3: a list, of which every client sends one entry. */
function readServerName(content: Buffer): string | null {
  const outer = new Fields(content);
  const list = new Fields(outer.vector(2));
  const type = list.number(1);
  const name = list.vector(2);
  if (type !== 0 || name.length === 0 || !list.isEmpty || !outer.isEmpty) return null;
  return name.every((byte) => byte > 0x20 && byte < 0x7f) ? name.toString("latin1").toLowerCase() : null;
}

/** Reads on without ever throwing; one short read spoils everything after it. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;
  #short = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(count: number): Buffer {
    const from = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) this.#short = true;
    return this.#bytes.subarray(from, this.#at);
  }

  number(width: number): number {
    const bytes = this.skip(width);
    return this.#short ? 0 : bytes.readUIntBE(0, width);
  }

  vector(width: number): Buffer {
    return this.skip(this.number(width));
  }

  get isEmpty(): boolean {
    return !this.#short && this.#at === this.#bytes.length;
  }

  get holds(): boolean {
    return !this.#short && this.#at < this.#bytes.length;
  }
}
