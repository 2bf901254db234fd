/** What the user asked for: the layers of configuration, put together with their provenance. */
export { loadConfig } from "./load.ts";
export type { Config, ConfigRequest } from "./load.ts";
export { noFlags } from "./flags.ts";
export type { ConfigFlags } from "./flags.ts";
export type { Feature, Features } from "./features.ts";
export { checkConfigFile } from "./check.ts";
export { parseDocument, showPath, where } from "./document.ts";
export type { Document } from "./document.ts";
export { narrowing } from "./project.ts";
export { findWorkspace } from "./workspace.ts";
export { projectConfigFile, userConfigFile } from "./layers.ts";
export { readConfigFile } from "./read.ts";
export type { Trust } from "./read.ts";
export { serverNameProblem } from "./mcp-checks.ts";
export type { ApprovalMode, McpHttp, McpOAuth, McpServer, McpStdio } from "./mcp-servers.ts";
