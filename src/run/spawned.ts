/** Programs that the program of a run starts through its session: each in a sandbox of its own, decided like the run's. */
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { checkPrepared } from "../gate/index.ts";
import { managedEvents, recordingManaged, reportingDoor } from "./managed.ts";
import { serveLoopbackSession } from "../network/index.ts";
import { SandboxedError } from "../policy/index.ts";
import { streamsOf } from "./streams.ts";
import { runningPart } from "../reload/index.ts";
import type { LiveTerms } from "../reload/index.ts";
import { MOST_ATTEMPTS, sessionAfter, untilItFits } from "./attempts.ts";
import { equipFor } from "./equip.ts";
import type { ReadyChannel } from "./serving.ts";
import { start } from "./start.ts";
import { planExcess, prepare } from "../sandbox/index.ts";
import type { Companion, LaunchPlan, Prepared, PrepareRequest, RunSession, StaleLaunch } from "../sandbox/index.ts";
import type { AgentChannel, AgentEnd, AgentOutput, AgentRequest, Spawner } from "../session/index.ts";

/** What a run was decided from, for programs that it is to have besides. */
export interface Spawning {
  readonly request: Pick<
    PrepareRequest,
    "cwd" | "environment" | "workspaceFrom" | "workspaceRoots" | "workspace" | "backend"
  >;
  /** Its policy has been through the gate, and bounds each of them as it bounds the run, now and when it becomes less. */
  readonly live: LiveTerms;
  /** A session, with its journal, for one of them; `parent` is the run's. */
  readonly openSession: (opening: {
    readonly id: string;
    readonly argv: readonly string[];
    readonly parent: string;
  }) => RunSession;
}

/** Of each of the two, in bytes. */
const MOST_OUTPUT = 1024 * 1024;
/** From asking a program to end to its end; a session is over within a second. */
const GRACE_MS = 500;
/** What ended has written all it will; this is for what hands its output on. */
const DRAINING_MS = 1000;

/** `run`: the one they belong to. None has a sandbox that holds less than its. */
export function spawnerOf(spawning: Spawning, run: { readonly id: string; readonly plan: LaunchPlan }): Spawner {
  return {
    async run(request) {
      try {
        const session = spawning.openSession({ id: request.id, argv: request.command, parent: run.id });
        return await untilItFits(MOST_ATTEMPTS, (stale) => runOnce(spawning, run.plan, request, session, stale));
      } catch (error) {
        return refusal(error);
      }
    },
  };
}

async function runOnce(
  spawning: Spawning,
  own: LaunchPlan,
  { id, command, channel, pausedFor, signal }: AgentRequest,
  session: RunSession,
  stale: StaleLaunch | null,
): Promise<AgentEnd> {
  const [program, ...words] = command;
  const { live } = spawning;
  const { cwd, environment, workspaceFrom, workspaceRoots, workspace, backend } = spawning.request;
  if (signal.aborted) return stopped;
  const { terms, generation } = live;
  const { policy, managed } = terms;
  const asked: Omit<PrepareRequest, "policy"> = {
    cwd,
    environment,
    workspaceRoots,
    workspace,
    backend,
    ...(workspaceFrom !== undefined && { workspaceFrom }),
    program,
    arguments: words,
    script: null,
    terminal: "never",
    session: { id },
    channel: channel !== null,
  };
  const prepared = prepare({ ...asked, policy });
  checkPrepared(policy, prepared);
  const excess = planExcess(prepared.plan, own);
  if (excess !== null) return { kind: "wider", message: `it would have more than the run: ${excess}` };
  const way = channel === null ? null : await openWay(channel, prepared);
  let leave = (): void => {};
  try {
    const { launchable, ...equipment } = await equipFor(prepared, way);
    if (signal.aborted) return stopped;
    const running = start(
      {
        ...equipment,
        serveDoor: reportingDoor(equipment.serveDoor, managed),
        streams: ["ignore", "pipe", "pipe"],
        session: recordingManaged(sessionAfter(session, stale), managedEvents(managed, prepared)),
        explain: false,
        attended: false,
        cancel: signal,
        grace: GRACE_MS,
        companion: clockOnly(pausedFor),
      },
      launchable,
    );
    running.outcome.catch(() => {}); // awaited below, once its streams were read
    const part = runningPart({ name: "a program that it spawned", running, request: asked, began: terms });
    leave = await live.join(part, generation);
    const streams = await streamsOf(running);
    const outputs = [collect(streams?.stdout ?? null), collect(streams?.stderr ?? null)] as const;
    const { status, exit, signal: endedBy } = await running.outcome;
    const [stdout, stderr] = await Promise.all(outputs.map((output) => output()));
    if (stdout === undefined || stderr === undefined) throw new SandboxedError("internal", "an output was lost");
    return { kind: "ended", status, exit, signal: endedBy, stdout, stderr };
  } finally {
    leave();
    way?.close();
  }
}

/** By the door of its network; on the host's, by one of its own. Errors: `setup_failed`. */
async function openWay(
  { protocol, environment }: AgentChannel,
  { plan }: Prepared,
): Promise<ReadyChannel & { readonly close: () => void }> {
  // What it fetches through the session goes by the run's door.
  const reach = (): void => {};
  if (plan.door !== null) return { protocol, environment: environment(plan.door.proxyPort), reach, close: () => {} };
  const { port, close } = await serveLoopbackSession(protocol);
  return { protocol: null, environment: environment(port), reach, close };
}

/** While somebody is asked, the clock of whoever waits for the answer stands still. */
function clockOnly(pausedFor: () => number): Companion {
  return { begin() {}, pausedFor, end() {} };
}

/** Keeps the beginning and takes the rest, so that nobody waits for it to be read. */
function collect(stream: Readable | null): () => Promise<AgentOutput> {
  const chunks: Buffer[] = [];
  let kept = 0;
  let isCut = false;
  stream?.on("data", (chunk: Buffer) => {
    const part = chunk.subarray(0, MOST_OUTPUT - kept);
    if (part.length < chunk.length) isCut = true;
    if (part.length === 0) return;
    kept += part.length;
    chunks.push(part);
  });
  const ended = stream === null ? Promise.resolve() : finished(stream).catch(() => {});
  return async () => {
    const late = new AbortController();
    await Promise.race([ended, delayed(DRAINING_MS, late.signal)]);
    late.abort();
    return { text: Buffer.concat(chunks).toString("utf8"), isCut };
  };
}

function delayed(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}

const stopped: AgentEnd = { kind: "stopped", message: "the session ended it before it began" };

function refusal(error: unknown): AgentEnd {
  const message = error instanceof Error ? error.message : String(error);
  const isMissing =
    error instanceof SandboxedError && (error.code === "program_not_found" || error.code === "program_not_executable");
  return { kind: isMissing ? "no_program" : "failed", message };
}
