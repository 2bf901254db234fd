/** Doubles as it grows: a peer that sends byte by byte costs a copy of each byte or two, not of everything each time. */
export class Growing {
  #buffer: Buffer;
  size: number;

  constructor(head: Buffer = Buffer.alloc(0)) {
    this.#buffer = head;
    this.size = head.length;
  }

  add(chunk: Buffer): void {
    if (this.size === 0) {
      this.#buffer = chunk;
    } else {
      if (this.size + chunk.length > this.#buffer.length) {
        const larger = Buffer.allocUnsafe(Math.max(256, 2 * (this.size + chunk.length)));
        this.#buffer.copy(larger, 0, 0, this.size);
        this.#buffer = larger;
      }
      chunk.copy(this.#buffer, this.size);
    }
    this.size += chunk.length;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.size);
  }
}
