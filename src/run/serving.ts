import { ownEnvironment } from "../config/index.ts";
import type { Interception } from "../network/index.ts";
import type { ServeDoor } from "../sandbox/index.ts";
import type { RunChannel } from "../session/index.ts";

/** What a door and an environment get of a channel. */
export type ReadyChannel = Pick<RunChannel, "protocol" | "environment" | "reach">;

/** What serves a door is loaded when there is one. Its upstream proxies come from this process's environment. */
export function serving(interception: Interception | null, channel: ReadyChannel | null): ServeDoor {
  return async (entrances, policy, watcher) => {
    const { serveEntrances } = await import("../network/index.ts");
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
