/** Bytes that came in pieces, in one place: a peer that sends byte by byte costs a copy of each byte or two, no more. */
export class Growing {
  #room: Buffer;
  /** Whether pieces may be added where they are. */
  #isOwn = false;
  #from = 0;
  #to: number;

  constructor(head: Buffer = nothing) {
    this.#room = head;
    this.#to = head.length;
  }

  get length(): number {
    return this.#to - this.#from;
  }

  /** The first piece is kept as it is. */
  add(piece: Buffer): void {
    if (this.length === 0) {
      this.#isOwn = false;
      this.#room = piece;
      this.#from = 0;
      this.#to = piece.length;
      return;
    }
    if (!this.#isOwn || this.#to + piece.length > this.#room.length) this.#grow(piece.length);
    piece.copy(this.#room, this.#to);
    this.#to += piece.length;
  }

  /** All of them, good until the next piece. */
  bytes(): Buffer {
    return this.#room.subarray(this.#from, this.#to);
  }

  /** Where the byte is, counted from the first; -1 where it is not. */
  indexOf(byte: number, from: number): number {
    const at = this.#room.subarray(0, this.#to).indexOf(byte, this.#from + from);
    return at < 0 ? -1 : at - this.#from;
  }

  /** The first bytes, which are gone from here then. Good until the next piece. */
  take(count: number): Buffer {
    const taken = this.#room.subarray(this.#from, this.#from + count);
    this.#from += count;
    return taken;
  }

  clear(): void {
    this.#room = nothing;
    this.#isOwn = false;
    this.#from = 0;
    this.#to = 0;
  }

  #grow(more: number): void {
    const { length } = this;
    const room = Buffer.allocUnsafeSlow((length + more) * 2);
    this.#room.copy(room, 0, this.#from, this.#to);
    this.#room = room;
    this.#isOwn = true;
    this.#from = 0;
    this.#to = length;
  }
}

const nothing = Buffer.alloc(0);
