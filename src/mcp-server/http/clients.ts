import { createHash, timingSafeEqual } from "node:crypto";

/** What 256 random bits come to in base64url. */
const SHORTEST = 43;
const LONGEST = 256;

/** Whether that can stand in a header and is too long to be guessed, as far as its length tells. */
export function isToken(text: string): boolean {
  return text.length >= SHORTEST && text.length <= LONGEST && /^[\w~+/.-]+=*$/.test(text);
}

/** Those who may ask, each by a token of its own. Only digests are kept. */
export class Clients {
  readonly #digests: readonly Buffer[];

  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digestOf);
  }

  /** The name of the client whose token stands in an `Authorization` header, in a time that tells nothing; else null. */
  named(authorization: string | undefined): string | null {
    const [, given = ""] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
    const digest = digestOf(given);
    const found = this.#digests.filter((each) => timingSafeEqual(each, digest));
    return found[0]?.toString("hex") ?? null;
  }
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
