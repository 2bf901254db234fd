import type { ServerContext } from "@modelcontextprotocol/server";
import type { OnOutput } from "./orchestrator.ts";

/** No more often than this, in milliseconds. */
const EVERY = 100;

export interface Progress {
  readonly onOutput: OnOutput;
  /** After this nothing is told: the answer is on its way. */
  readonly end: () => void;
}

/** Tells a client that asked for it how far a run is: at intervals, and what came last before a program fell silent. */
export function progressFor({ mcpReq }: Pick<ServerContext, "mcpReq">): Progress {
  const { _meta: meta } = mcpReq;
  const progressToken = meta?.["progressToken"];
  if (typeof progressToken !== "string" && typeof progressToken !== "number") {
    return { onOutput: () => {}, end: () => {} };
  }
  let untold: { readonly progress: number; readonly message: string } | null = null;
  let timer: NodeJS.Timeout | null = null;
  const tell = (): void => {
    timer = null;
    if (untold === null) return;
    const params = { progressToken, ...untold };
    untold = null;
    timer = setTimeout(tell, EVERY);
    mcpReq.notify({ method: "notifications/progress", params }).catch(() => {}); // its client has gone
  };
  return {
    onOutput(bytes, newest) {
      untold = { progress: bytes, message: newest };
      if (timer === null) tell();
    },
    end() {
      untold = null;
      clearTimeout(timer ?? undefined);
    },
  };
}
