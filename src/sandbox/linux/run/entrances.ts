import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { pipeline } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { SandboxedError } from "../../../policy/index.ts";
import type { Decision, JournalEvent, Query, ResolvedPolicy } from "../../../policy/index.ts";
import type { DoorPlan } from "../../plan.ts";
import type { DoorService, Publication, ServeDoor } from "../../request.ts";
import { DoorChannel } from "../door/index.ts";
import type { Launch } from "../launch/index.ts";

/** A refusal at the door, and how often it fell. */
export interface DoorRefusal {
  readonly query: Query;
  readonly decision: Decision;
}

export interface Entrances {
  /** Settles when the listeners are served; rejected when the run ends before. */
  readonly service: Promise<DoorService>;
  readonly refusals: () => readonly DoorRefusal[];
  readonly close: () => void;
}

/** Milliseconds in which a run whose channel has ended is over. */
const PATIENCE = 1000;

/** Connections to one published port at once: whoever is on the machine can open them, and each takes two descriptors. */
const MOST_PUBLISHED = 512;

/** As many different refusals as a person would read. */
const MOST_REFUSALS = 100;

/**
 * Hands a run's listeners to whoever serves them, and opens what is published. To be called before `go`. `fail` is told
 * when the door cannot be opened, which a run that is over does not mind.
 * Errors: `setup_failed` when a published port is taken on the host.
 */
export async function openEntrances(
  launched: Launch,
  plan: DoorPlan,
  options: {
    readonly serve: ServeDoor;
    readonly policy: ResolvedPolicy;
    readonly publish: readonly Publication[];
    readonly record: (event: JournalEvent) => void;
    readonly fail: (error: unknown) => void;
  },
): Promise<Entrances> {
  if (launched.child === null) throw new SandboxedError("internal", "a door without a sandbox");
  const channel = new DoorChannel(launched.child, plan, (line) => launched.toInit(line));
  const refusals = new Map<string, DoorRefusal>();
  const refused = (query: Query, decision: Decision): void => {
    const key = JSON.stringify(query);
    if (refusals.size < MOST_REFUSALS && !refusals.has(key)) refusals.set(key, { query, decision });
  };
  let closed = false;
  const service = channel.door.then((door) => options.serve(door, options.policy, { refused, record: options.record }));
  let serving: DoorService | null = null;
  service
    .then((door) => {
      serving = door;
      if (closed) door.close();
    })
    .catch(async (error: unknown) => {
      // The channel ends with the sandbox, a moment before the run is over: then nobody misses the door.
      const isOver = await Promise.race([launched.ended.then(() => true), delay(PATIENCE, false, { ref: false })]);
      if (!isOver) options.fail(error);
    });
  const servers: Server[] = [];
  const close = (): void => {
    closed = true;
    serving?.close();
    channel.close();
    for (const server of servers) server.close();
  };
  try {
    for (const publication of options.publish) servers.push(await publish(publication, channel));
  } catch (error) {
    close();
    throw error;
  }
  return { service, refusals: () => [...refusals.values()], close };
}

/** Listens on the host's loopback; each connection is carried to the program's own. */
async function publish({ address, hostPort, port }: Publication, channel: DoorChannel): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (outer) => {
    outer.on("error", () => outer.destroy());
    channel.dial(port).then(
      (inner) => join(outer, inner),
      () => outer.resetAndDestroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    // Stays for errors of accepting, which cost one connection.
    server.on("error", (cause) => {
      reject(
        new SandboxedError("setup_failed", `--publish ${hostPort}:${port}: cannot listen on ${address}:${hostPort}`, {
          hint: `${cause.message}; choose another port: --publish HOSTPORT:${port}`,
          cause,
        }),
      );
    });
    server.listen({ host: address, port: hostPort, exclusive: true }, resolve);
  });
  server.maxConnections = MOST_PUBLISHED;
  server.unref();
  return server;
}

function join(outer: Socket, inner: Socket): void {
  const over = (): void => {};
  pipeline(outer, inner, over);
  pipeline(inner, outer, over);
}
