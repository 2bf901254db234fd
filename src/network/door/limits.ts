/** What one run may take of the door. Times in milliseconds, sizes in bytes. */
export interface DoorLimits {
  /**
   * Open connections to the door, and requests of all of them under way; one more is answered 503 or reset. By default
   * as many as the process has room for.
   */
  readonly connections: number;
  /** Requests of one connection that wait for their answer at the same time. */
  readonly pipelined: number;
  readonly headerBytes: number;
  /** From the first byte of a request, a greeting or a ClientHello to its last. */
  readonly headerTime: number;
  /** How long a connection may say nothing where its first bytes decide. */
  readonly firstByteTime: number;
  /** For all addresses of a name together. */
  readonly connectTime: number;
  /** From the last byte of a request to the head of its answer. */
  readonly answerTime: number;
  /** Of the whole run, towards the world and back. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export const defaultLimits: Omit<DoorLimits, "connections"> = {
  pipelined: 64,
  headerBytes: 64 * 1024,
  headerTime: 15_000,
  firstByteTime: 60_000,
  connectTime: 15_000,
  answerTime: 900_000,
  sentBytes: Number.POSITIVE_INFINITY,
  receivedBytes: Number.POSITIVE_INFINITY,
};

/** Counts what passes, in both directions, over the life of a door. */
export class Traffic {
  readonly #limits: DoorLimits;
  #sent = 0;
  #received = 0;
  #requests = 0;

  constructor(limits: DoorLimits) {
    this.#limits = limits;
  }

  /** Whether these bytes may still go out. */
  send(bytes: number): boolean {
    this.#sent += bytes;
    return this.#sent <= this.#limits.sentBytes;
  }

  /** Whether these bytes may still come in. */
  receive(bytes: number): boolean {
    this.#received += bytes;
    return this.#received <= this.#limits.receivedBytes;
  }

  /** Whether one more request may be under way, which it is then until it leaves. */
  enter(): boolean {
    if (this.#requests >= this.#limits.connections) return false;
    this.#requests += 1;
    return true;
  }

  leave(): void {
    this.#requests -= 1;
  }

  /** Whether anything more may be begun. */
  hasRoom(): boolean {
    return this.#sent < this.#limits.sentBytes && this.#received < this.#limits.receivedBytes;
  }
}
