import type { Transport } from "@modelcontextprotocol/client";
import { SandboxedError } from "../policy/index.ts";

/** Not delivered; or refused over HTTP because the session is one that the server no longer knows. */
export function isUnheard(error: unknown, transport: Transport | undefined): boolean {
  if (error instanceof SandboxedError && isUnreached(error.cause)) return true;
  if (!(error instanceof Error) || !("status" in error) || transport?.sessionId === undefined) return false;
  // 404 is what the protocol says; there are servers that say 400.
  return error.status === 404 || error.status === 400;
}

/** There was no connection. */
export function isUnreached(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && error.syscall === "connect";
}
