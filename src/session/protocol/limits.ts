/** What clients of one channel may take. Sizes in bytes, times in milliseconds. */
export interface ChannelLimits {
  /** Of one request. */
  readonly requestBytes: number;
  /** Of one answer. */
  readonly answerBytes: number;
  /** Of all requests that have begun to arrive and have no answer yet, together. */
  readonly pendingBytes: number;
  /** Of what a connection sends before its token is known. */
  readonly greetingBytes: number;
  /** Calls of one connection at once; the next waits unread. */
  readonly callsAtOnce: number;
  /** Answers that may wait to be read, before no more requests are. */
  readonly unreadBytes: number;
  /** Answers that wait to be read, of all connections together; what is beyond is refused. */
  readonly answeredBytes: number;
  /** Requests of one connection that begin before others get their turn. */
  readonly turn: number;
  /** Requests in one batch. */
  readonly batch: number;
  /** How long calls go on whose caller sends no more. */
  readonly grace: number;
  /** For the token, from the connection on. */
  readonly greetingTime: number;
}

export const defaultLimits: ChannelLimits = {
  requestBytes: 16 * 1024 * 1024,
  answerBytes: 64 * 1024 * 1024,
  pendingBytes: 128 * 1024 * 1024,
  greetingBytes: 16 * 1024,
  callsAtOnce: 256,
  unreadBytes: 1024 * 1024,
  answeredBytes: 256 * 1024 * 1024,
  turn: 32,
  batch: 1000,
  grace: 1000,
  greetingTime: 15_000,
};

/** Counts bytes that many clients hold at once. */
export class Budget {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** False when that is more than there is; nothing is taken then. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#most) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}
