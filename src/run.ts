import type { Interception } from "./network/index.ts";
import { needsInterception, SandboxedError } from "./policy/index.ts";
import { StaleLaunch, start as startSandbox } from "./sandbox/index.ts";
import type { Launchable, Prepared, Running, ServeDoor, StartRequest } from "./sandbox/index.ts";

/** What a prepared run gets besides: who serves its door, and where rules look inside of TLS, certificates for it. */
export interface Equipment {
  /** Its environment holds placeholders where the policy keeps a credential from the program. */
  readonly launchable: Launchable;
  readonly serveDoor: ServeDoor;
  readonly trust?: string;
}

/**
 * Readies what a run needs of the network before it is started. Loads nothing for runs without a door.
 * Errors: `policy_invalid`, `policy_unenforceable` for a credential that cannot be had.
 */
export async function equip(prepared: Prepared): Promise<Equipment> {
  const { plan, resolved, oracle, home } = prepared;
  if (plan.door === null || !needsInterception(resolved)) return { launchable: prepared, serveDoor: serving(null) };
  const { interceptionFor } = await import("./network/index.ts");
  const interception = await interceptionFor({
    policy: resolved,
    sources: {
      environment: process.env,
      home,
      isReadable: (path) => oracle.decide({ op: "read", path }).effect === "allow",
    },
  });
  if (interception === null) return { launchable: prepared, serveDoor: serving(null) };
  const environment = [...interception.maskEnvironment(new Map(plan.environment))];
  return {
    launchable: { ...prepared, plan: { ...plan, environment } },
    serveDoor: serving(interception),
    trust: interception.caBundle(),
  };
}

/** Starts the program of a launch that was prepared or recalled; the result streams. `equip` it first. */
export function start(request: StartRequest, launchable: Launchable): Running {
  return startSandbox({ serveDoor: serving(null), ...request }, launchable);
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
function serving(interception: Interception | null): ServeDoor {
  return async (entrances, policy, watcher) => {
    const { serveEntrances } = await import("./network/index.ts");
    const served = serveEntrances(entrances, { policy, environment: ownEnvironment(), interception, ...watcher });
    return {
      ...served,
      async update(next) {
        await interception?.adopt(next);
        return served.update(next);
      },
    };
  };
}

function ownEnvironment(): ReadonlyMap<string, string> {
  return new Map(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
