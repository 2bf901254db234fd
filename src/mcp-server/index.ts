/** The orchestrator as a server of the Model Context Protocol. What its tools do is handed in. */
export type { OnOutput, Orchestrator, ProfileEntry, RunReport, RunRequest } from "./orchestrator.ts";
export type { HttpServing, Listening } from "./http/serve.ts";
export { serveStandardStreams } from "./serve.ts";
