import type { SessionEntry } from "./session.ts";
import { readJournal } from "./verify.ts";

/** Whether the program of another session asked for it. A journal that cannot be read says nothing. */
export function isSpawned({ journal }: SessionEntry): boolean {
  try {
    const { value, done } = readJournal(journal).next();
    return done !== true && value.kind === "session.opened" && typeof value.members.get("parent") === "string";
  } catch {
    return false;
  }
}
