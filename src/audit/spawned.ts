import type { SessionEntry } from "./session.ts";
import { readJournal } from "./verify.ts";

/** Whether no person began it: the program of another session, or an MCP server's. A journal that cannot be read says nothing. */
export function isSpawned({ journal }: SessionEntry): boolean {
  try {
    const { value, done } = readJournal(journal).next();
    if (done === true || value.kind !== "session.opened") return false;
    return ["parent", "mcpServer"].some((name) => typeof value.members.get(name) === "string");
  } catch {
    return false;
  }
}
