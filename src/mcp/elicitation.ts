import type { ElicitRequestParams, ElicitResult } from "@modelcontextprotocol/client";

/**
 * Puts a server's question to whoever can answer. `accept` with the content asked for, `decline` or `cancel`; when the
 * signal is aborted the question is taken away. The server's text comes from outside: it is escaped where it is shown.
 */
export type Elicit = (server: string, params: ElicitRequestParams, signal: AbortSignal) => Promise<ElicitResult>;
