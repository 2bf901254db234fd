/** Servers that speak the Model Context Protocol: which are allowed, how they are started and asked, what they may be asked. */
export type { AuthProviderOf } from "./open.ts";
export type { Elicit } from "./elicitation.ts";
export type { McpServersOptions, OfferedTool } from "./servers.ts";
export type { McpSurroundings } from "./surroundings.ts";
export type { Pin, Pins } from "./rules/pins.ts";
export type { ToolDefinition } from "./catalogue.ts";
export type { ToolRef } from "./names.ts";
export { admit } from "./rules/identity.ts";
export { brokenRule } from "./rules/arguments.ts";
export { digestOf, pinsIn } from "./rules/pins.ts";
export { gateway } from "./gateway/index.ts";
export type { GatewayOptions } from "./gateway/index.ts";
export { hiddenCharacters, visible } from "./rules/hidden.ts";
export { isListed, needsApproval } from "./rules/approval.ts";
export { McpServers } from "./servers.ts";
export { modelNames, resolveToolName, scriptName, serversMeant } from "./names.ts";
export { searchTools } from "./search.ts";
export { sessionTools } from "./session-tools.ts";
