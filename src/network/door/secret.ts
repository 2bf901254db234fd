import { timingSafeEqual } from "node:crypto";

/** What a client of a door that others can reach has to know. Compared without telling how much of it was right. */
export class Secret {
  readonly #bytes: Buffer;

  constructor(text: string) {
    this.#bytes = Buffer.from(text);
  }

  isPassword(given: Buffer): boolean {
    const sameLength = given.length === this.#bytes.length;
    return timingSafeEqual(sameLength ? given : this.#bytes, this.#bytes) && sameLength;
  }

  /** `Basic` with any user, as `Proxy-Authorization` carries it. */
  isAuthorization(header: string | null): boolean {
    const encoded = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(header ?? "")?.[1];
    if (encoded === undefined) return false;
    const pair = Buffer.from(encoded, "base64");
    const colon = pair.indexOf(":");
    return colon !== -1 && this.isPassword(pair.subarray(colon + 1));
  }
}
