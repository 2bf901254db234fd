import type { SessionEntry } from "../audit/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";

/** By id, by the start of one that fits no other, or `last`. Errors: `usage`. */
export function findSession(sessions: readonly SessionEntry[], name: string): SessionEntry {
  const fitting = name === "last" ? sessions.slice(-1) : sessions.filter(({ id }) => id.startsWith(name));
  const [session, another] = fitting;
  if (session !== undefined && another === undefined) return session;
  const problem = session === undefined ? "there is no session" : "more than one session starts with";
  throw new SandboxedError("usage", `${problem} ${escapeText(name)}`, { hint: "sandboxed audit show lists them" });
}
