import type * as NodeCrypto from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

/**
 * The crypto module, loaded when first needed: it costs 2.5 ms, an eighth of starting Node, and the first digest is made
 * while the kernel already builds namespaces. `getBuiltinModule` works alike in modules and in the CommonJS bundle.
 */
let loaded: typeof NodeCrypto | null = null;

function crypto(): typeof NodeCrypto {
  loaded ??= process.getBuiltinModule("node:crypto");
  return loaded;
}

/** SHA-256 as lower-case hex. Strings count as UTF-8. */
export function sha256(data: string | Uint8Array): string {
  return crypto().hash("sha256", data, "hex");
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
