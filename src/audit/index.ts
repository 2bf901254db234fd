export { isSessionId, newSessionId } from "./identifier.ts";
export { adoptSession, recoverable } from "./recovery.ts";
export type { RecoverableSession } from "./recovery.ts";
export type { JournalRecord } from "./record.ts";
export { redactArgv, redactText } from "./redact.ts";
export { journalPath, listSessions, openSession } from "./session.ts";
export type { Session, SessionEntry, SessionOptions } from "./session.ts";
export { readJournal, verifyJournal } from "./verify.ts";
export type { Damage, VerifyResult } from "./verify.ts";
