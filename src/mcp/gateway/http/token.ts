import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { codeOf, escapeText, SandboxedError } from "../../../policy/index.ts";

export interface GatewayToken {
  readonly text: string;
  readonly file: string;
  /** Nobody has seen it yet. */
  readonly isNew: boolean;
}

/**
 * What clients of the gateway in front of a server have to know: made at its first start, the same at the next, so that
 * a client's configuration is edited once. `folder` is the tool's own, which every sandbox is denied. Errors: `mcp_auth`.
 */
export function gatewayToken(folder: string, server: string, renew: boolean): GatewayToken {
  const place = `${folder}/mcp/gateways`;
  const file = `${place}/${server}.token`;
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    const kept = renew ? null : read(file);
    if (kept !== null) return { text: kept, file, isNew: false };
    const text = randomBytes(32).toString("base64url");
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, `${text}\n`, { flag: "wx", mode: 0o600 });
    renameSync(draft, file);
    return { text, file, isNew: true };
  } catch (error) {
    if (error instanceof SandboxedError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new SandboxedError("mcp_auth", `the gateway's token cannot be kept: ${escapeText(why)}`, { cause: error });
  }
}

/** Null when there is none. Errors: `mcp_auth` for one that somebody else could know. */
function read(file: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const { uid, mode } = fstatSync(descriptor);
    const text = readFileSync(descriptor, "utf8").trim();
    if (uid === process.geteuid?.() && (mode & 0o077) === 0 && /^[\w-]{43}$/.test(text)) return text;
  } finally {
    closeSync(descriptor);
  }
  throw new SandboxedError("mcp_auth", `${escapeText(file)} holds no token that only you know`, {
    hint: "make another: sandboxed mcp gateway --new-token",
  });
}
