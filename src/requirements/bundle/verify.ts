import { escapeText, SandboxedError } from "../../policy/index.ts";
import { checkMeaning } from "../meaning.ts";
import { readSource, renaming } from "../source.ts";
import type { SourceText } from "../source.ts";
import { openBundle } from "./signature.ts";

/** `requirements_source`, as the system's own file has it. */
export interface BundleSource {
  readonly url: string;
  readonly publicKey: string;
  readonly audience: string | null;
  /** Milliseconds after which a newer one is looked for. */
  readonly refresh: number;
  /** PEM of the authorities that count for the address; null for those of Node. */
  readonly authorities: string | null;
  readonly minSerial: number;
}

/** A bundle whose signature, audience, serial and shape are right. */
export interface Bundle {
  readonly source: SourceText;
  readonly serial: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** `audience`: absent for any. Errors: `requirements_signature`, `requirements_rollback`, `requirements_parse`, `requirements_schema`. */
export async function verifyBundle(
  bytes: Buffer,
  from: Pick<BundleSource, "url" | "publicKey" | "minSerial"> & { readonly audience?: string | null },
): Promise<Bundle> {
  const name = escapeText(from.url);
  const text = decode(openBundle(bytes, from.publicKey, name), name);
  const source: SourceText = { kind: "bundle", name: from.url, text };
  const read = await readSource(source, null);
  renaming(() => checkMeaning(read));
  const serial = read.get("serial");
  const expires = read.get("expires");
  const audience = read.get("audience") ?? null;
  if (serial === undefined || !Number.isSafeInteger(serial) || serial < 1)
    throw incomplete(name, "serial, a whole number above 0");
  if (expires === undefined) throw incomplete(name, "expires, the time until which it counts");
  if (from.audience !== undefined && audience !== from.audience) {
    throw new SandboxedError(
      "requirements_signature",
      `${name} is for ${JSON.stringify(audience)}, and requirements_source says ${JSON.stringify(from.audience)}`,
      { hint: "fetch the bundle that is meant for this machine" },
    );
  }
  if (serial < from.minSerial)
    throw rolledBack(name, `its serial ${serial} is below ${from.minSerial}, the lowest that counts here`);
  return { source, serial, expires: Date.parse(expires) };
}

export function rolledBack(name: string, why: string): SandboxedError {
  return new SandboxedError("requirements_rollback", `${name}: ${why}`, {
    hint: "tell the administrator; nothing of it was used",
  });
}

function decode(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SandboxedError("requirements_parse", `${name} is not valid UTF-8`, { hint: "save it as UTF-8", cause });
  }
}

function incomplete(name: string, what: string): SandboxedError {
  return new SandboxedError("requirements_schema", `${name}: a bundle needs ${what}`, {
    hint: "add it and sign again",
  });
}
