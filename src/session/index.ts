/** The channel: what a script may ask of the session that started it, within what it was granted. */
export type { Capability, CapabilityKind } from "./capability/kinds.ts";
export type { CapabilityText } from "./capability/text.ts";
export type { SessionContext } from "./context.ts";
export type { SessionErrorCode, SessionErrorDetail } from "./error.ts";
export type { Json, JsonObject } from "./json.ts";
export type { Call, Holder, MethodDefinition } from "./method.ts";
export type { Act, Question, Questioner, Reply } from "./question.ts";
export type { ToolContext, ToolDescription, ToolRegistry, ToolResult } from "./tools.ts";
export { capabilityKinds } from "./capability/kinds.ts";
export { RunClock } from "./clock.ts";
export { SessionError } from "./error.ts";
