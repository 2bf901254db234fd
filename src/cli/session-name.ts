import { isSpawned } from "../audit/index.ts";
import type { SessionEntry } from "../audit/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";

/** By id, by the start of one that fits no other, or `last`: the last that a person began. Errors: `usage`. */
export function findSession(sessions: readonly SessionEntry[], name: string): SessionEntry {
  const fitting = name === "last" ? newest(sessions) : sessions.filter(({ id }) => id.startsWith(name));
  const [session, another] = fitting;
  if (session !== undefined && another === undefined) return session;
  const problem = session === undefined ? "there is no session" : "more than one session starts with";
  throw new SandboxedError("usage", `${problem} ${escapeText(name)}`, { hint: "sandboxed audit show lists them" });
}

function newest(sessions: readonly SessionEntry[]): readonly SessionEntry[] {
  const own = sessions.findLast((session) => !isSpawned(session));
  return own === undefined ? sessions.slice(-1) : [own];
}
