/** Files, for whoever holds a capability: reading, finding, writing, patching, from held directories. */
export { sweepLeftovers } from "./leftovers.ts";
export { sessionFiles } from "./methods.ts";
export type { FilesOptions, SessionFiles } from "./methods.ts";
