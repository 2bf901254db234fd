/** Servers that speak the Model Context Protocol: which are allowed, how they are started and asked, what they may be asked. */
export { modelNames, resolveToolName, scriptName } from "./names.ts";
export type { ToolRef } from "./names.ts";
