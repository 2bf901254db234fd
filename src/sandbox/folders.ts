export { toolFolders, usualFolders } from "../config/index.ts";
export type { ToolFolders } from "../config/index.ts";
