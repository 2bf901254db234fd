/** A program's side of the channel to the session that started it. Knows nothing of the rest of this package. */
export { SessionError } from "./errors.ts";
export type { SessionErrorCode } from "./errors.ts";
export { connect, Session } from "./session.ts";
export type { OnProgress, Progress } from "./wire.ts";
export type { Capability, ConnectOptions, Fetched, Memory, Question, Reply, Tool } from "./session.ts";
