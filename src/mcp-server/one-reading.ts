import { Transform } from "node:stream";
import type { TransformCallback } from "node:stream";
import type { Json } from "../session/index.ts";

/** Of one message. */
const LONGEST = 8 * 1024 * 1024;

/** Lets lines through that mean one thing to every reader. Every other line is answered by `refuse`, and left out. */
export class OneReading extends Transform {
  readonly #parse: (text: string) => Json;
  readonly #refuse: (why: string) => Promise<void>;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(parse: (text: string) => Json, refuse: (why: string) => Promise<void>) {
    super();
    this.#parse = parse;
    this.#refuse = refuse;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#take(chunk).then(() => done(), done);
  }

  async #take(chunk: Buffer): Promise<void> {
    let from = 0;
    for (;;) {
      const at = chunk.indexOf(10, from);
      const part = at < 0 ? chunk.subarray(from) : chunk.subarray(from, at);
      this.#size += part.length;
      if (this.#size <= LONGEST) this.#parts.push(part);
      else this.#parts = [];
      if (at < 0) return;
      from = at + 1;
      const why = this.#pass();
      // oxlint-disable-next-line no-await-in-loop -- no faster than its answers are read
      if (why !== null) await this.#refuse(why);
    }
  }

  /** Why the line that has ended does not pass. */
  #pass(): string | null {
    const isLong = this.#size > LONGEST;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    if (isLong) return `a message is longer than ${LONGEST} bytes`;
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
      if (text === "") return null;
      this.#parse(text);
      this.push(`${text}\n`);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : "it cannot be read";
    }
  }
}
