import { existsSync } from "node:fs";
import { join } from "node:path";
import { version } from "../generated/version.ts";
import { openFetcher, serveLoopbackSession } from "../network/index.ts";
import type { Fetcher, SessionProtocol } from "../network/index.ts";
import { compile } from "../policy/index.ts";
import type { AbsolutePath, Durability, JournalEvent, Oracle, ResolvedPolicy } from "../policy/index.ts";
import type { Companion } from "../sandbox/index.ts";
import { Channel } from "./channel.ts";
import { parseCapability } from "./capability/text.ts";
import type { CapabilityText } from "./capability/text.ts";
import type { Summary } from "./context.ts";
import { openControl } from "./control/endpoint.ts";
import { SessionError } from "./error.ts";
import { fetchMethod } from "./fetch/index.ts";
import { sessionFiles } from "./files/index.ts";
import type { SessionFiles } from "./files/index.ts";
import type { MethodDefinition } from "./method.ts";
import { allTools } from "./local-tools.ts";
import { memoryOf, passingMemory } from "./store/memory-file.ts";
import type { Question } from "./question.ts";
import { terminalAnswerer, terminalDesk } from "./questions/index.ts";
import type { Answerer, BorrowTerminal } from "./questions/index.ts";
import type { Spawner } from "./spawner.ts";
import type { ToolRegistry } from "./tools.ts";
import { channelVariables } from "./variables.ts";

export interface RunChannelOptions {
  readonly id: string;
  readonly resolved: ResolvedPolicy;
  readonly oracle: Oracle;
  /** The program's network has a door, on this port of its loopback; null for one that shares the host's. */
  readonly doorPort: number | null;
  /** This process's own, where proxies to the world are named; none when absent. */
  readonly environment?: ReadonlyMap<string, string>;
  readonly grants: readonly CapabilityText[];
  readonly tools?: readonly ToolRegistry[];
  /** Called once, when nobody can call a tool any more. */
  readonly onClose?: () => Promise<void>;
  readonly answerers?: readonly Answerer[];
  /**
   * Ask at the terminal that this process and the program share; told of a question where that cannot be done, so that
   * somebody learns that it waits.
   */
  readonly atTerminal?: (unasked: Question) => void;
  readonly methods?: readonly MethodDefinition[];
  readonly onSummary?: (summary: Summary) => void;
  /** Narrows the policy's. */
  readonly maxPause?: number;
  /** Starts programs for holders of `agents`; loaded when one asks. */
  readonly spawner?: () => Promise<Spawner>;
  /** The tool's state on this host; null remembers nothing. */
  readonly state: string | null;
}

/** The channel of one run. */
export interface RunChannel {
  /** For the program: where the channel is, and its token. */
  readonly environment: readonly (readonly [name: string, value: string])[];
  readonly companion: Companion;
  /** For the run's door; null where the channel has a door of its own. */
  readonly protocol: SessionProtocol | null;
  readonly summaries: readonly Summary[];
  /** From now on the run's door is open, and fetches are its own. */
  reach(fetcher: Fetcher): void;
  /** From now on it decides by this policy as well; see `Channel.narrow`. */
  narrow(resolved: ResolvedPolicy): void;
  /** The programs that were started through it are gone, and whoever served its tools. */
  settled(): Promise<void>;
  /** Where nothing is started after all. */
  close(): void;
}

/** Makes a run's channel and its token. Errors: `policy_invalid` for a grant that means nothing, `setup_failed`. */
export async function openRunChannel(options: RunChannelOptions): Promise<RunChannel> {
  const { id, resolved, state } = options;
  const capabilities = options.grants.map(parseCapability);
  const door = { name: id };
  let isOver = false;
  const early: (readonly [JournalEvent, Durability])[] = [];
  let borrow: BorrowTerminal = () => Promise.resolve(null);
  let control: { readonly close: () => void } | null = null;
  const folder = state === null ? null : join(state, "sessions", id);
  let { oracle } = options;
  const files = openFiles(options, () => oracle);
  let fetcher: Fetcher | null = null;
  let direct: ReturnType<typeof openFetcher> | null = null;
  let policy = resolved;
  const openDirect = (): Fetcher | null => {
    if (options.doorPort !== null || isOver) return null;
    const { environment = new Map() } = options;
    direct ??= openFetcher({ policy, environment, record: (event) => channel.record(event, "batched") });
    return direct;
  };
  const channel: Channel = new Channel({
    id,
    version,
    resolved,
    tools: allTools(options.tools ?? []),
    answerers: [
      ...(options.answerers ?? []),
      ...(options.atTerminal ? [atTerminal(options.atTerminal, () => borrow())] : []),
    ],
    mayReply: () => control !== null,
    memory:
      state === null ? passingMemory() : memoryOf(state, resolved.places.workspaceRoots[0] ?? resolved.places.cwd),
    maxPause: Math.min(options.maxPause ?? Infinity, resolved.limits.maxPause),
    methods: [fetchMethod(() => fetcher ?? openDirect()), ...(files?.methods ?? []), ...(options.methods ?? [])],
    spawner: options.spawner ?? null,
    onSummary: options.onSummary ?? (() => {}),
    record: (event, durability) => void early.push([event, durability]),
  });
  let stop: (() => void) | null = null;
  let closing: Promise<void> = Promise.resolve();
  const token = channel.open(door, capabilities, () => stop?.());
  const protocol = channel.protocolAt(door);
  const own = options.doorPort === null ? await serveLoopbackSession(protocol) : null;
  const close = (): void => {
    if (isOver) return;
    isOver = true;
    stop = null;
    channel.shut(new SessionError("revoked", "the session is over"));
    control?.close();
    own?.close();
    direct?.close();
    files?.close();
    // What the end of the calls makes them say to others is said first.
    closing = new Promise(setImmediate).then(options.onClose).catch(() => {});
  };
  return {
    environment: channelVariables(own?.port ?? options.doorPort ?? 0, token, resolved.networkMode),
    protocol: own === null ? protocol : null,
    summaries: channel.summaries,
    reach(opened) {
      fetcher = opened;
    },
    companion: {
      begin(run) {
        for (const [event, durability] of early.splice(0)) run.record(event, durability);
        channel.record = run.record;
        stop = run.cancel;
        borrow = run.borrowTerminal;
        if (folder !== null && existsSync(folder)) control = openControl({ channel, folder, door, cancel: run.cancel });
      },
      pausedFor: () => channel.clock.paused(),
      end: close,
    },
    narrow(next) {
      policy = next;
      // What is open there ends; the next fetch opens another, by these rules.
      direct?.close();
      direct = null;
      oracle = compile(next);
      channel.narrow(next);
    },
    async settled() {
      await channel.agents.settled();
      await closing;
    },
    close,
  };
}

/** Elsewhere directories cannot be held, and there are no such methods. */
function openFiles({ resolved }: RunChannelOptions, oracle: () => Oracle): SessionFiles | null {
  if (process.platform !== "linux") return null;
  const denied = (): readonly AbsolutePath[] =>
    oracle()
      .materialise()
      .flatMap(({ access, path }) => (access === "deny" ? [path] : []));
  const { workspaceRoots, toolState } = resolved.places;
  // A program that nothing is kept from needs no session to have them.
  const own = resolved.layers.some(({ kind }) => kind === "restricted") ? toolState : [];
  return sessionFiles({ workspaceRoots, denied, own });
}

function atTerminal(unasked: (question: Question) => void, borrow: BorrowTerminal): Answerer {
  const desk = terminalDesk(borrow, process.env);
  return terminalAnswerer(async (question) => {
    const taken = await desk();
    if (taken === null) unasked(question);
    return taken;
  });
}
