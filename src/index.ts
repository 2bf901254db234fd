/**
 * sandboxed-run as a library: read a policy, prepare a launch, run it.
 *
 * ```ts
 * import { policyFrom, run } from "sandboxed-run";
 *
 * const outcome = await run({
 *   policy: await policyFrom({ extends: ":isolated", network: { bundles: ["pypi"] } }),
 *   program: "python3",
 *   arguments: ["script.py"],
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
export { equip, policyFrom, prepare, run, start, withDefaults } from "./library/index.ts";
export type { LaunchRequest, LaunchStart, RunOptions, Started } from "./library/index.ts";
export type { ChannelRequest, Equipment, ProgramStreams } from "./run/index.ts";
export type { RequirementsChange } from "./reload/index.ts";
export { allTools, localTools } from "./session/index.ts";
export type {
  Answerer,
  AnswerQuestion,
  CapabilityText,
  Given,
  Json,
  JsonObject,
  LocalTool,
  Question,
  Questioner,
  Reply,
  Summary,
  ToolContext,
  ToolDescription,
  ToolProgress,
  ToolQuestion,
  ToolRegistry,
  ToolResult,
} from "./session/index.ts";
export { StaleLaunch, toolFolders } from "./sandbox/index.ts";
export type {
  Backend,
  DoorService,
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
