import { listSessions, newSessionId, readJournal, stateOf, transcriptOf } from "../../audit/index.ts";
import { checkPrepared } from "../../gate/index.ts";
import type { Orchestrator, RunRequest } from "../../mcp-server/index.ts";
import { answerOf, builtinProfileNames, escapeText, readQuery, SandboxedError } from "../../policy/index.ts";
import { prepareToAsk } from "../ask.ts";
import { decisionText } from "../commands/explain.ts";
import { chooseProgram } from "../interpreter.ts";
import type { Parsed } from "../parse.ts";
import { askedFor } from "../policy-flags.ts";
import type { Asked } from "../policy-flags.ts";
import type { RunOption } from "../run-options.ts";
import { surroundingsOf } from "../surroundings.ts";
import type { Surroundings } from "../surroundings.ts";
import { showWords } from "../words.ts";
import { runOnce } from "./run-once.ts";

/** At a time; a client that wants more has to wait. */
const MOST_RUNS = 8;

/** Of what a session did, the newest. */
const MOST_ITEMS = 1000;

/** Of each client's sessions so many can be read. */
const MOST_REMEMBERED = 10_000;

export interface Orchestrators {
  /** A client reads its own sessions and nobody else's. */
  of(client: string): Orchestrator;
  /** Ends the runs that are on, and takes no more. */
  end(): Promise<void>;
}

/**
 * What the server's tools do under the options that it was started with. Files are read anew each time. Nothing that runs
 * here reads `hidden`, whatever its profile.
 */
export function orchestrators(given: Parsed<RunOption>, hidden: readonly string[]): Orchestrators {
  const parsed = {
    ...given,
    given: [...given.given, ...hidden.map((value) => ({ id: "deny" as const, value }))],
  };
  const own = surroundingsOf(parsed);
  const runs: Runs = { on: new Set(), ending: new AbortController() };
  const clients = new Map<string, Orchestrator>();
  return {
    of(client) {
      const known = clients.get(client) ?? orchestrator(parsed, own, runs);
      clients.set(client, known);
      return known;
    },
    async end() {
      runs.ending.abort();
      await Promise.allSettled(runs.on);
    },
  };
}

/** Of all clients. */
interface Runs {
  readonly on: Set<Promise<unknown>>;
  readonly ending: AbortController;
}

function orchestrator(parsed: Parsed<RunOption>, own: Surroundings, runs: Runs): Orchestrator {
  const opened: string[] = [];

  const asking = (permissions: string | null): Promise<Asked> => askedFor(under(parsed, permissions), own);
  const isOwn = async (permissions: string | null): Promise<boolean> =>
    permissions === null || permissions === (await asking(null)).config.profile.name;

  return {
    async approvalFor(request) {
      const { command, input, permissions } = request;
      if (await isOwn(permissions)) return null;
      await asking(permissions); // a profile that is not there, or forbidden, is nobody's question
      const lines = [
        `Run this under the profile ${escapeText(permissions ?? "")}, which is not the server's own?`,
        "",
        `  ${showWords(command)}`,
        `  in ${escapeText(directoryOf(request, parsed, own))}`,
        ...(input === ""
          ? []
          : ["", "Its standard input:", ...input.split("\n").map((line) => `  ${escapeText(line)}`)]),
      ];
      return lines.join("\n");
    },
    async run(request, onOutput, signal) {
      if (signal.aborted) throw new SandboxedError("mcp_server", "its client does not wait for it any more");
      if (runs.ending.signal.aborted) throw new SandboxedError("mcp_server", "the server is about to end");
      if (runs.on.size >= MOST_RUNS) {
        throw new SandboxedError("mcp_server", `${MOST_RUNS} runs are on already`, { hint: "wait for one to end" });
      }
      const directory = directoryOf(request, parsed, own);
      const session = newSessionId();
      if (opened.push(session) > MOST_REMEMBERED) opened.shift();
      const program = chooseProgram(request.command, directory, process.versions.node);
      const policy = under(parsed, request.permissions);
      const asked = { parsed: policy, surroundings: own, directory, program, session, question: null };
      const run = runOnce(asked, request, onOutput, AbortSignal.any([signal, runs.ending.signal]));
      runs.on.add(run);
      try {
        return await run;
      } finally {
        runs.on.delete(run);
      }
    },
    async explain(operation, subject, permissions) {
      const asked = await asking(permissions);
      const query = readQuery([operation, subject], own.cwd, own.home);
      const prepared = prepareToAsk(asked);
      checkPrepared(asked.config.policy, prepared);
      const decision = prepared.oracle.decide(query);
      return { answer: answerOf(decision), text: decisionText(query, decision), decision };
    },
    async profiles() {
      const { config } = await asking(null);
      return [...builtinProfileNames, ...config.definitions.keys()].map((name) => {
        const isDefault = name === config.profile.name;
        return { name, isDefault, needsApproval: !isDefault };
      });
    },
    session(wanted) {
      const id = wanted === "last" ? opened.at(-1) : opened.find((each) => each === wanted);
      const entry = id === undefined ? undefined : listSessions(own.environment).find((each) => each.id === id);
      if (entry === undefined) {
        throw new SandboxedError("usage", `this server has no session ${escapeText(wanted)}`, {
          hint: "name one that run_command returned, or last",
        });
      }
      const state = stateOf(own.environment, entry);
      let command: unknown = null;
      const all = transcriptOf(
        (function* records() {
          for (const record of readJournal(entry.journal)) {
            if (record.kind === "session.opened") command ??= record.members.get("argv");
            yield record;
          }
        })(),
        state === "running",
      );
      const items = all.slice(-MOST_ITEMS);
      const omitted = all.length - items.length;
      return Promise.resolve({ session: entry.id, opened: entry.opened, state, command, items, omitted });
    },
  };
}

/** Later words of a command line win. */
function under(parsed: Parsed<RunOption>, permissions: string | null): Parsed<RunOption> {
  if (permissions === null) return parsed;
  return { ...parsed, given: [...parsed.given, { id: "permissions", value: permissions }] };
}

/** Where a run starts: nowhere but where the server may. Options, files and workspace stay the server's. Errors: `usage`. */
function directoryOf({ directory }: RunRequest, parsed: Parsed<RunOption>, own: Surroundings): string {
  if (directory === null) return own.cwd;
  const there = directory.startsWith("/") ? directory : `${own.cwd}/${directory}`;
  const given = [...parsed.given, { id: "cd" as const, value: there }];
  const { cwd } = surroundingsOf({ ...parsed, given });
  if (cwd === own.cwd || cwd.startsWith(own.cwd === "/" ? "/" : `${own.cwd}/`)) return cwd;
  throw new SandboxedError("usage", `${escapeText(directory)} is outside of ${escapeText(own.cwd)}`, {
    hint: "the server runs commands in the directory where it was started, and below",
  });
}
