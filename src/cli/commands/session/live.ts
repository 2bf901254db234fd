import { ownEnvironment } from "../../../config/index.ts";
import { listSessions } from "../../../audit/index.ts";
import type { SessionEntry } from "../../../audit/index.ts";
import { escapeText, SandboxedError } from "../../../policy/index.ts";
import type { ControlClient, Json, JsonObject } from "../../../session/index.ts";
import type { Parsed } from "../../parse.ts";
import { findSession } from "../../session-name.ts";

export const ABOUT_SESSION = "SESSION is an id, the start of one, or last.";

/** The first word after the options. Errors: `usage`. */
export function sessionNamed(parsed: Parsed<string>): SessionEntry {
  const [name] = parsed.rest;
  if (name === undefined) throw new SandboxedError("usage", "no session was named", { hint: ABOUT_SESSION });
  return findSession(listSessions(ownEnvironment()), name);
}

/** Asks an open session, as its owner. Errors: `session_not_open`, `session_refused` with what the session said. */
export async function askSession<T>(
  { id, folder }: SessionEntry,
  ask: (call: (method: string, params?: JsonObject) => Promise<JsonObject>) => Promise<T>,
): Promise<T> {
  const client = await connected(folder);
  if (client === null) {
    throw new SandboxedError("session_not_open", `session ${id} is not open`, {
      hint: "it has ended, or has no grants: sandboxed session list shows which are open",
    });
  }
  try {
    return await ask(async (method, params) => objectIn(await client.call(method, params)));
  } catch (error) {
    throw refusal(error);
  } finally {
    client.close();
  }
}

/** Whether somebody can talk to it; a session that does not answer is not open. */
export async function isOpen({ folder }: SessionEntry): Promise<boolean> {
  try {
    const client = await connected(folder);
    client?.close();
    return client !== null;
  } catch {
    return false;
  }
}

async function connected(folder: string): Promise<ControlClient | null> {
  const { connectControl } = await import("../../../session/index.ts");
  return connectControl(folder);
}

/** What the session said, as this command's refusal. */
function refusal(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "SessionError") return error;
  const detail: unknown = Reflect.get(error, "detail");
  const hint: unknown = typeof detail === "object" && detail !== null ? Reflect.get(detail, "hint") : null;
  return new SandboxedError("session_refused", escapeText(error.message), {
    ...(typeof hint === "string" && { hint: escapeText(hint) }),
    cause: error,
  });
}

export function objectIn(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !isList(value) ? value : {};
}

export function listIn(value: Json | undefined): readonly JsonObject[] {
  return value !== undefined && isList(value) ? value.map(objectIn) : [];
}

export function textIn(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
