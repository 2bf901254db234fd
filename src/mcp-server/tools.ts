import type { CallToolResult, McpServer, ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { SandboxedError } from "../policy/index.ts";
import type { Approvals } from "./approvals.ts";
import type { Orchestrator, RunRequest } from "./orchestrator.ts";
import { progressFor } from "./progress.ts";

const LONGEST_INPUT = 1024 * 1024;

const permissions = z.string().optional().describe("a profile, as list_profiles shows them");

/** The tools of the orchestrator, on one server. */
export function registerTools(server: McpServer, orchestrator: Orchestrator, approvals: Approvals): void {
  server.registerTool(
    "run_command",
    {
      title: "Run a command in a sandbox",
      description:
        "Runs a program in a sandbox and returns what it wrote and how it ended. What was refused is in notes, with the rule that refused it.",
      annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: true },
      inputSchema: z.object({
        command: z.array(z.string()).min(1).describe("the program and its arguments; no shell reads them"),
        cwd: z.string().optional().describe("where it starts: a directory in the one of the server"),
        stdin: z.string().max(LONGEST_INPUT).optional(),
        timeoutSeconds: z.number().positive().max(86_400).optional(),
        permissions,
      }),
    },
    async (given, context) =>
      answered(async () => {
        const request = runRequest(given);
        const question = await orchestrator.approvalFor(request);
        if (question !== null) {
          const answer = approvals.answer(question, request, context);
          if (answer === null) return approvals.question(question, request, context);
          if (!answer) return refusal("approval_denied: the person did not approve this run");
        }
        const progress = progressFor(context);
        const report = await whileWanted(context, (signal) =>
          orchestrator.run(request, progress.onOutput, signal),
        ).finally(progress.end);
        return { ...structured(report), isError: report.status !== 0 };
      }),
  );
  server.registerTool(
    "explain",
    {
      title: "Explain a refusal",
      description:
        "Says whether a run may do something, by which rule of which file, and what would change the answer.",
      annotations: { readOnlyHint: true },
      inputSchema: z.object({
        operation: z
          .string()
          .describe("read, write, create, list, exec, move, connect, connect_unix, bind, dns or env"),
        subject: z.string().describe("a path, HOST:PORT, PORT or NAME"),
        permissions,
      }),
    },
    async ({ operation, subject, permissions: profile = null }) =>
      answered(async () => structured(await orchestrator.explain(operation, subject, profile))),
  );
  server.registerTool(
    "list_profiles",
    {
      title: "List profiles",
      description: "The profiles that runs can be under, and which of them a person has to approve.",
      annotations: { readOnlyHint: true },
      inputSchema: z.object({}),
    },
    async () => answered(async () => structured({ profiles: await orchestrator.profiles() })),
  );
  server.registerTool(
    "read_session",
    {
      title: "Read a session",
      description: "What a session of this server did, from its journal.",
      annotations: { readOnlyHint: true },
      inputSchema: z.object({
        session: z.string().default("last").describe("an id that run_command returned, or last"),
      }),
    },
    async ({ session }) => answered(async () => structured(await orchestrator.session(session))),
  );
}

interface GivenRun {
  readonly command: readonly string[];
  readonly cwd?: string | undefined;
  readonly stdin?: string | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly permissions?: string | undefined;
}

function runRequest({ command, cwd, stdin, timeoutSeconds, permissions: profile }: GivenRun): RunRequest {
  const [program = "", ...rest] = command;
  return {
    command: [program, ...rest],
    directory: cwd ?? null,
    input: stdin ?? "",
    timeout: timeoutSeconds === undefined ? null : Math.ceil(timeoutSeconds * 1000),
    permissions: profile ?? null,
  };
}

/**
 * `act` with a signal that fires when its client has cancelled the request, or the connection that waits for the answer is
 * gone: nothing else would ever take it.
 */
async function whileWanted<T>({ mcpReq, http }: ServerContext, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const unwanted = new AbortController();
  const end = (): void => unwanted.abort();
  const signals = [mcpReq.signal, ...(http?.req === undefined ? [] : [http.req.signal])];
  for (const signal of signals) signal.addEventListener("abort", end);
  try {
    if (signals.some(({ aborted }) => aborted)) end();
    return await act(unwanted.signal);
  } finally {
    mcpReq.signal.removeEventListener("abort", end);
    // A request that nobody holds any more would stop to tell.
    http?.req?.signal.removeEventListener("abort", end);
  }
}

/** A refusal is a result that says so: a model that reads it can do something about it. */
async function answered<T>(act: () => Promise<T>): Promise<T | CallToolResult> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    const { code, message, hint } = error;
    return refusal(`${code}: ${message}${hint === null ? "" : `\n${hint}`}`);
  }
}

function structured(value: object): CallToolResult {
  return { content: [{ type: "text", text: JSON.stringify(value, null, 2) }], structuredContent: { ...value } };
}

function refusal(text: string): CallToolResult {
  return { content: [{ type: "text", text }], isError: true };
}
