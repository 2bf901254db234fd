import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { DoorOf, Grant } from "./grant.ts";

const PREFIX = "sbx_";
const shape = /^sbx_[\w-]{43}$/;

/** Tokens that are told why they are good for nothing any more; older ones are unknown. */
const MOST_RETIRED = 10_000;

/** Tokens by their digests: whoever reads the memory of this map learns none. */
export class Tokens {
  readonly #grants = new Map<string, { readonly digest: Buffer; readonly grant: Grant }>();
  readonly #keys = new WeakMap<Grant, string>();
  /** Keys in the order in which their grants ended. */
  readonly #retired = new Set<string>();

  /** 256 random bits that stand for the grant from now on. */
  issue(grant: Grant): string {
    const token = PREFIX + randomBytes(32).toString("base64url");
    const digest = digestOf(token);
    const key = digest.toString("latin1");
    this.#grants.set(key, { digest, grant });
    this.#keys.set(grant, key);
    return token;
  }

  /** The grant has ended. Programs make tokens as long as they like: not all are remembered. */
  retire(grant: Grant): void {
    const key = this.#keys.get(grant);
    if (key === undefined) return;
    this.#retired.add(key);
    for (const oldest of this.#retired) {
      if (this.#retired.size <= MOST_RETIRED) break;
      this.#retired.delete(oldest);
      this.#grants.delete(oldest);
    }
  }

  /** The grant of a token that is presented at this door; null for every other text. */
  find(token: string, door: DoorOf): Grant | null {
    const digest = digestOf(token);
    const found = shape.test(token) ? this.#grants.get(digest.toString("latin1")) : undefined;
    // A lookup by digest tells nothing of the token; the comparison tells nothing of the digest either.
    const isKnown = timingSafeEqual(digest, found?.digest ?? nothing) && found !== undefined;
    return isKnown && found.grant.door === door ? found.grant : null;
  }
}

const nothing = Buffer.alloc(32);

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
