import { Growing } from "../carry/growing.ts";
import { readHelloMessage } from "./client-hello.ts";
import type { OpeningProblem } from "./opening.ts";

const handshakeRecord = 0x16;
const clientHelloMessage = 0x01;
const serverHelloMessage = 0x02;

/** By which a ServerHello says that it wants another ClientHello (RFC 8446, section 4.1.3). */
const retryRandom = Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex");
/** Of a ServerHello, from its record's head on: five bytes, four of the message's, two of the version, and then. */
const randomAt = 11;

/** No honest hello is longer. */
const longestHello = 64 * 1024;

const malformed: OpeningProblem = { reason: "bad_request", message: "The TLS handshake is malformed." };

/**
 * What a client says in TLS until its server has taken the hello: one that is asked to greet again may name another
 * host the second time, and OpenSSL serves that one. `name` is what the first hello names.
 */
export class SecondHello {
  readonly #name: string | null;
  #isOver = false;
  #answer: Buffer = Buffer.alloc(0);
  /** The head of the record that comes, as far as it has come; then what is left of the record. */
  #head: number[] = [];
  #left = 0;
  #isHandshake = false;
  /** Of the message that comes. */
  #message = new Growing();
  /** Its length with its head; null before that has come. */
  #needed: number | null = null;
  #isSecond = false;

  constructor(name: string | null) {
    this.#name = name;
  }

  /** Told of what the server says, until it says true: a server that asks for nothing more gets no other hello. */
  server(chunk: Buffer): boolean {
    if (this.#answer.length < randomAt + retryRandom.length) this.#answer = Buffer.concat([this.#answer, chunk]);
    const answer = this.#answer;
    if (answer[0] === handshakeRecord && answer.length < randomAt + retryRandom.length) return false;
    this.#isOver ||=
      answer[0] !== handshakeRecord ||
      answer[5] !== serverHelloMessage ||
      !answer.subarray(randomAt, randomAt + retryRandom.length).equals(retryRandom);
    return true;
  }

  /** Told of all that the client says from its first byte on. */
  readonly client = (chunk: Buffer): OpeningProblem | null => {
    for (let at = 0; at < chunk.length && !this.#isOver;) {
      if (this.#left === 0) {
        this.#head.push(chunk[at++] ?? 0);
        const [type, , , high = 0, low = 0] = this.#head;
        if (this.#head.length < 5) continue;
        this.#head = [];
        this.#left = high * 256 + low;
        this.#isHandshake = type === handshakeRecord;
        continue;
      }
      const piece = chunk.subarray(at, at + this.#left);
      const problem = this.#isHandshake ? this.#read(piece) : null;
      if (problem !== null) return problem;
      this.#left -= piece.length;
      at += piece.length;
    }
    return null;
  };

  #read(piece: Buffer): OpeningProblem | null {
    this.#message.add(piece);
    while (this.#message.length >= (this.#needed ?? 4) && !this.#isOver) {
      const bytes = this.#message.bytes();
      if (this.#needed === null) {
        // The first is known, and after it nothing but another hello is of interest.
        if (this.#isSecond && bytes[0] !== clientHelloMessage) this.#isOver = true;
        this.#needed = 4 + bytes.readUIntBE(1, 3);
        if (this.#needed > longestHello) return malformed;
      } else if (this.#isSecond) {
        return this.#judge(bytes.subarray(0, this.#needed));
      } else {
        this.#isSecond = true;
        this.#message = new Growing(bytes.subarray(this.#needed));
        this.#needed = null;
      }
    }
    return null;
  }

  #judge(message: Buffer): OpeningProblem | null {
    this.#isOver = true;
    const hello = readHelloMessage(message);
    if (hello === "malformed") return malformed;
    if (hello.serverName === this.#name) return null;
    return { reason: "sni_mismatch", message: "The second TLS greeting names another server than the first." };
  }
}
