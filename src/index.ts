/**
 * sandboxed-run as a library: read a policy, prepare a launch, run it.
 *
 * ```ts
 * import { builtinProfile, newSession, run } from "sandboxed-run";
 *
 * const outcome = await run({
 *   policy: { layers: [{ layer: "api", profile: builtinProfile(":isolated") }] },
 *   program: "python3", arguments: ["script.py"], …
 * });
 * ```
 */
export {
  absolutePath,
  applyPatch,
  builtinProfile,
  builtinProfileNames,
  compile,
  mode,
  readLegacy,
  readProfile,
  resolve,
  SandboxedError,
  selectProfile,
} from "./policy/index.ts";
export type * from "./policy/index.ts";
export { equip, prepare, run, start } from "./library.ts";
export type { LaunchRequest, LaunchStart, RunOptions } from "./library.ts";
export type { RequirementsChange } from "./reload/index.ts";
export type { ChannelRequest, Equipment } from "./run.ts";
export { allTools, localTools } from "./session/index.ts";
export type {
  Answerer,
  AnswerQuestion,
  LocalTool,
  Question,
  Questioner,
  Reply,
  Summary,
  ToolContext,
  ToolDescription,
  ToolRegistry,
  ToolResult,
} from "./session/index.ts";
export { StaleLaunch, toolFolders } from "./sandbox/index.ts";
export type {
  Backend,
  HandOff,
  HostFacts,
  Launchable,
  LaunchPlan,
  Prepared,
  Publication,
  Reduction,
  Repair,
  Running,
  RunOutcome,
  RunSession,
  ServeDoor,
  StartRequest,
  Stream,
  ToolFolders,
} from "./sandbox/index.ts";
export { journalPath, listSessions, openSession, readJournal, transcriptOf, verifyJournal } from "./audit/index.ts";
export type {
  JournalRecord,
  Session,
  SessionEntry,
  SessionOptions,
  TranscriptItem,
  VerifyResult,
} from "./audit/index.ts";
