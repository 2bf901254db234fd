import { ownEnvironment } from "../config/index.ts";
import type { Sources } from "../network/index.ts";
import { compile, needsInterception } from "../policy/index.ts";
import type { ResolvedPolicy } from "../policy/index.ts";
import type { Launchable, Prepared, ServeDoor } from "../sandbox/index.ts";
import type { Answerer, CapabilityText, Question, RunChannel, Summary, ToolRegistry } from "../session/index.ts";
import { serving } from "./serving.ts";
import type { ReadyChannel } from "./serving.ts";
import type { Spawning } from "./spawned.ts";

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
  const { openRunChannel } = await import("../session/index.ts");
  const { resolved, oracle, plan, folders } = prepared;
  const { ephemeral = false, ...rest } = wanted;
  const channel = await openRunChannel({
    ...rest,
    ...(spawning !== null && {
      spawner: async () => (await import("./spawned.ts")).spawnerOf(spawning, { id, plan }),
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
  const { interceptionFor } = await import("../network/index.ts");
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
