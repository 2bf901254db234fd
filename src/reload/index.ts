/** Holds runs to their requirements while they are on: one owner for the command line, the library and the MCP server. */
export { answersOf, isUpToDate, latestOf, noting, replaying } from "./answers.ts";
export type { FileAnswer } from "./answers.ts";
export { guardedDoor } from "./guarded-door.ts";
export type { GuardedDoor } from "./guarded-door.ts";
export { holdToRequirements } from "./hold.ts";
export type { DecidedFrom, LiveRun, RequirementsChange } from "./live-run.ts";
export { runningPart } from "./running-part.ts";
export type { RunningPart } from "./running-part.ts";
export { LiveTerms, termsOf } from "./terms.ts";
export type { DecideAgain, Part, Terms } from "./terms.ts";
