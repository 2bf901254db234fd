import type { Json } from "../json.ts";
import type { Holder, MethodDefinition } from "../method.ts";
import { Params } from "../params.ts";

/** What every token may ask: who is there, and what it may do. */
export function infoMethods(
  about: (holder: Holder) => {
    readonly capabilities: readonly string[];
    readonly depth: number;
    readonly methods: readonly string[];
  },
): readonly MethodDefinition[] {
  return [
    {
      name: "session.info",
      capability: null,
      subjectsOf(params) {
        void new Params("session.info", params, []);
        return [];
      },
      async handle({ holder }, { id, version, networkMode, workspaceRoots, clock }): Promise<Json> {
        return {
          session: id,
          version,
          protocol: 1,
          network: networkMode,
          workspace_roots: workspaceRoots,
          grant: holder.id,
          ...about(holder),
          paused_ms: Math.round(clock.paused()),
        };
      },
    },
    {
      name: "session.ping",
      capability: null,
      subjectsOf(params) {
        void new Params("session.ping", params, []);
        return [];
      },
      handle: () => Promise.resolve({}),
    },
  ];
}
