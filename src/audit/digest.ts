import type * as NodeCrypto from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { smallSha256 } from "./sha256.ts";

/**
 * The crypto module, loaded when first needed: it costs 2 ms, a tenth of starting Node, and a short session does without.
 * `getBuiltinModule` works alike in modules and in the CommonJS bundle.
 */
let loaded: typeof NodeCrypto | null = null;

function crypto(): typeof NodeCrypto {
  loaded ??= process.getBuiltinModule("node:crypto");
  return loaded;
}

/** Bytes that are digested without the crypto module: beyond, loading it costs less. */
let small = 4 * 1024;

/** SHA-256 as lower-case hex. Strings count as UTF-8. */
export function sha256(data: string | Uint8Array): string {
  small -= data.length;
  if (loaded !== null || small < 0) return crypto().hash("sha256", data, "hex");
  return smallSha256(typeof data === "string" ? Buffer.from(data) : data);
}

/** Unpredictable bytes; from the kernel's device where there is one, which spares loading crypto. */
export function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let device: number;
  try {
    device = openSync("/dev/urandom", "r");
  } catch {
    return crypto().randomBytes(count);
  }
  try {
    return readSync(device, bytes) === count ? bytes : crypto().randomBytes(count);
  } finally {
    closeSync(device);
  }
}
