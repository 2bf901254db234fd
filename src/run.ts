import type { Interception, Sources } from "./network/index.ts";
import type { Answerer, CapabilityText, RunChannel, Summary, ToolRegistry, Question } from "./session/index.ts";
import { compile, needsInterception, SandboxedError } from "./policy/index.ts";
import type { ResolvedPolicy } from "./policy/index.ts";
import { StaleLaunch, start as startSandbox } from "./sandbox/index.ts";
import type { Launchable, Prepared, Running, RunOutcome, ServeDoor, StartRequest } from "./sandbox/index.ts";
import type { Spawning } from "./spawned-run.ts";

/** What a prepared run gets besides: who serves its door, and where rules look inside of TLS, certificates for it. */
export interface Equipment {
  /** Its environment holds placeholders where the policy keeps a credential from the program. */
  readonly launchable: Launchable;
  readonly serveDoor: ServeDoor;
  readonly trust?: string;
  /** Lives beside the run where the program was granted something; `close` it when nothing is started after all. */
  readonly channel?: RunChannel;
  readonly companion?: RunChannel["companion"];
}

/** What a program may ask of the session that starts it. Without grants there is no channel and no token. */
export interface ChannelRequest {
  /** As `--grant` takes them. */
  readonly grants: readonly CapabilityText[];
  /** What `session.tool` calls, beside the methods that are tools as well. */
  readonly tools?: readonly ToolRegistry[];
  /** Called once, when nobody can call them any more: the run is not over before it settles. */
  readonly onClose?: () => Promise<void>;
  /** Asked when a checkpoint or an approval is due, beside `sandboxed session reply`. */
  readonly answerers?: readonly Answerer[];
  /** Ask at the terminal as well; called with a question that cannot be put there. */
  readonly atTerminal?: (unasked: Question) => void;
  readonly onSummary?: (summary: Summary) => void;
  /** Milliseconds for which questions may hold up the run's clock in all; narrows the policy's `max_pause`. */
  readonly maxPause?: number;
  /** Remember nothing. */
  readonly ephemeral?: boolean;
}

/**
 * Readies what a run needs of the network and of its session before it is started. Loads nothing for runs without a door
 * and without grants. `spawning`: what programs are started from that a holder of `agents` asks for. Errors:
 * `policy_invalid`, `policy_unenforceable` for a credential that cannot be had.
 */
export async function equip(
  prepared: Prepared,
  wanted: ChannelRequest | null = null,
  id = "",
  spawning: Spawning | null = null,
): Promise<Equipment> {
  const isWanted = wanted !== null && wanted.grants.length > 0;
  const channel = isWanted ? await openChannel(prepared, wanted, id, spawning) : null;
  try {
    const equipment = await equipFor(prepared, channel);
    return channel === null ? equipment : { ...equipment, channel, companion: channel.companion };
  } catch (error) {
    channel?.close();
    throw error;
  }
}

/** What a door and an environment get of a channel. */
export type ReadyChannel = Pick<RunChannel, "protocol" | "environment" | "reach">;

/** With a channel that somebody holds already, or without one. Errors: as `equip`. */
export async function equipFor(prepared: Prepared, channel: ReadyChannel | null): Promise<Equipment> {
  const equipment = await equipNetwork(prepared, channel);
  if (channel === null) return equipment;
  const { launchable } = equipment;
  const environment = [...new Map([...launchable.plan.environment, ...channel.environment])];
  return { ...equipment, launchable: { ...launchable, plan: { ...launchable.plan, environment } } };
}

async function openChannel(
  prepared: Prepared,
  wanted: ChannelRequest,
  id: string,
  spawning: Spawning | null,
): Promise<RunChannel> {
  const { openRunChannel } = await import("./session/index.ts");
  const { resolved, oracle, plan, folders } = prepared;
  const { ephemeral = false, ...rest } = wanted;
  const channel = await openRunChannel({
    ...rest,
    ...(spawning !== null && {
      spawner: async () => (await import("./spawned-run.ts")).spawnerOf(spawning, { id, plan }),
    }),
    id,
    resolved,
    oracle,
    environment: ownEnvironment(),
    doorPort: plan.door?.proxyPort ?? null,
    state: ephemeral ? null : folders.state,
  });
  await spawning?.live.join({
    narrow: (_, narrower) => {
      if (narrower !== null) channel.narrow(narrower);
      return Promise.resolve([]);
    },
  });
  return channel;
}

async function equipNetwork(prepared: Prepared, channel: ReadyChannel | null): Promise<Equipment> {
  const { plan, resolved, oracle, home } = prepared;
  if (plan.door === null || !needsInterception(resolved)) {
    return { launchable: prepared, serveDoor: serving(null, channel) };
  }
  const { interceptionFor } = await import("./network/index.ts");
  const interception = await interceptionFor({
    policy: resolved,
    sources: {
      environment: process.env,
      home,
      isReadable: (path) => oracle.decide({ op: "read", path }).effect === "allow",
      closedBy: closedByRequirements(resolved),
    },
  });
  if (interception === null) return { launchable: prepared, serveDoor: serving(null, channel) };
  const environment = [...interception.maskEnvironment(new Map(plan.environment))];
  return {
    launchable: { ...prepared, plan: { ...plan, environment } },
    serveDoor: serving(interception, channel),
    trust: interception.caBundle(),
  };
}

/** What an organisation closes to programs is not put into their requests either, but for credentials of its own. */
function closedByRequirements(resolved: ResolvedPolicy): NonNullable<Sources["closedBy"]> {
  const layers = resolved.layers.filter(({ layer }) => layer === "requirements");
  const oracles = layers.map((layer) => compile({ ...resolved, layers: [layer] }));
  return (path, { provenance: { layer } }) => {
    if (layer === "requirements") return null;
    for (const oracle of oracles) {
      const { reason, rule, provenance } = oracle.decide({ op: "read", path });
      const isClosed = reason === "denied_by_rule" || reason === "deny_glob";
      if (isClosed && rule !== null && provenance !== null) return { text: rule.text, provenance };
    }
    return null;
  };
}

/** Starts the program of a launch that was prepared or recalled; the result streams. `equip` it first. */
export function start(request: StartRequest, launchable: Launchable): Running {
  return startSandbox({ serveDoor: serving(null, null), ...request }, launchable);
}

/**
 * The outcome, and what the program handed to its session apart from what it printed; when all that it started through
 * the session has ended, too.
 */
export async function withSummaries(outcome: RunOutcome, channel: RunChannel | undefined): Promise<RunOutcome> {
  if (channel === undefined) return outcome;
  await channel.settled();
  return { ...outcome, summaries: channel.summaries };
}

/** A host that changes whenever a launch is prepared is not waited for. */
export const MOST_ATTEMPTS = 3;

/**
 * Launches until a launch fits the host; `attempt` gets what the one before came to. Errors: those of `attempt`, and
 * instead of the last `StaleLaunch` the refusal behind it.
 */
export async function untilItFits<T>(attempts: number, attempt: (stale: StaleLaunch | null) => Promise<T>): Promise<T> {
  let stale: StaleLaunch | null = null;
  try {
    for (let done = 0; done < attempts; done++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        return await attempt(stale);
      } catch (error) {
        if (!(error instanceof StaleLaunch)) throw error;
        stale = error;
      }
    }
    throw stale?.cause ?? new SandboxedError("internal", "a launch prepared just now is out of date");
  } finally {
    stale?.journal?.close();
  }
}

/** The session of a launch that may be the second one: it goes on with the journal of the first. */
export function sessionAfter(session: StartRequest["session"], stale: StaleLaunch | null): StartRequest["session"] {
  return { id: session.id, openJournal: () => stale?.journal ?? session.openJournal() };
}

/** What serves a door is loaded when there is one. Its upstream proxies come from this process's environment. */
function serving(interception: Interception | null, channel: ReadyChannel | null): ServeDoor {
  return async (entrances, policy, watcher) => {
    const { serveEntrances } = await import("./network/index.ts");
    const served = serveEntrances(entrances, {
      policy,
      environment: ownEnvironment(),
      interception,
      session: channel?.protocol ?? null,
      ...watcher,
    });
    channel?.reach(served.fetcher);
    return {
      ...served,
      async update(next) {
        await interception?.adopt(next);
        return served.update(next);
      },
    };
  };
}

/** The environment of this process. */
export function ownEnvironment(): ReadonlyMap<string, string> {
  return new Map(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
