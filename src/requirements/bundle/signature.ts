import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { SandboxedError } from "../../policy/index.ts";

/**
 * A bundle is one file: a line with the format's name and the signature, then the requirements. The signature is
 * Ed25519 (RFC 8032) over the format's name, a line break and exactly the bytes that follow.
 */
const format = "sandboxed-requirements-1";

const prefix = "ed25519:";

/** The header of a SubjectPublicKeyInfo for Ed25519 (RFC 8410); 32 bytes of key follow. */
const spki = Buffer.from("302a300506032b6570032100", "hex");

export interface KeyPair {
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** As `requirements_source.public_key` has it: `ed25519:` and base64. */
  readonly publicKey: string;
}

export function newKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: showPublicKey(publicKey),
  };
}

/** The bundle, and the key that verifies it. Errors: `usage` for a key that is none. */
export function signBundle(
  content: Buffer,
  privateKey: string,
): { readonly bundle: Buffer; readonly publicKey: string } {
  let key: KeyObject;
  try {
    key = createPrivateKey(privateKey);
  } catch (cause) {
    throw noKey(cause);
  }
  if (key.asymmetricKeyType !== "ed25519") throw noKey();
  const signature = sign(null, signed(content), key).toString("base64");
  const bundle = Buffer.concat([Buffer.from(`${format} ${signature}\n`), content]);
  return { bundle, publicKey: showPublicKey(createPublicKey(key)) };
}

/** The bytes that were signed. Errors: `requirements_signature`. */
export function openBundle(bundle: Buffer, publicKey: string, name: string): Buffer {
  const end = bundle.indexOf("\n");
  const [, signature = ""] =
    /^sandboxed-requirements-1 ([A-Za-z0-9+/]{86}==)$/.exec(end < 0 ? "" : bundle.toString("latin1", 0, end)) ?? [];
  if (signature === "") throw unsigned(name, "does not start with a signature");
  const content = bundle.subarray(end + 1);
  if (!verify(null, signed(content), readPublicKey(publicKey), Buffer.from(signature, "base64"))) {
    throw unsigned(name, "is not signed with the key of requirements_source");
  }
  return content;
}

/** Errors: `requirements_schema`. */
export function readPublicKey(text: string): KeyObject {
  const raw = Buffer.from(text.startsWith(prefix) ? text.slice(prefix.length) : "", "base64");
  if (raw.length === 32) return createPublicKey({ key: Buffer.concat([spki, raw]), format: "der", type: "spki" });
  throw new SandboxedError("requirements_schema", `${JSON.stringify(text)} is no public key`, {
    hint: "take what sandboxed requirements keygen printed: ed25519: and 44 characters",
  });
}

function signed(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${format}\n`), content]);
}

function showPublicKey(key: KeyObject): string {
  return prefix + key.export({ type: "spki", format: "der" }).subarray(spki.length).toString("base64");
}

function noKey(cause?: unknown): SandboxedError {
  return new SandboxedError("usage", "that is no private key for Ed25519", {
    hint: "make one with: sandboxed requirements keygen",
    cause,
  });
}

function unsigned(name: string, problem: string): SandboxedError {
  return new SandboxedError("requirements_signature", `${name} ${problem}`, {
    hint: "tell the administrator; nothing of it was used",
  });
}
