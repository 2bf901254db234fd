import { randomBytes } from "node:crypto";
import { targetOf } from "../names/authority.ts";
import { openDoor } from "../door/door.ts";
import type { Answer, Gate } from "../decide/gate.ts";
import { listenOnLoopback } from "./own-listener.ts";
import type { SessionProtocol } from "../door/parts.ts";
import { refuse } from "../decide/refusal.ts";

/**
 * The channel of a run that shares the host's network: a door on the loopback, which whoever is on this machine can
 * reach, and behind which there is nothing but the channel. What is no token of it is turned away.
 * Errors: `setup_failed`.
 */
export async function serveLoopbackSession(
  session: SessionProtocol,
): Promise<{ readonly port: number; readonly close: () => void }> {
  const door = openDoor({
    gate: closed,
    parseTarget: targetOf,
    observe: () => {},
    // Nobody is told it: who has the host's network needs no proxy.
    secret: randomBytes(32).toString("hex"),
    sessionProtocol: session,
  });
  const { server, port } = await listenOnLoopback();
  door.serve(server, "proxy");
  return { port, close: () => door.close() };
}

const closed: Gate = {
  admit: (target, protocol) => Promise.resolve(nothing(protocol, target)),
  request: ({ target }) => nothing("http", target),
  locate: ({ target }, protocol) => Promise.resolve(nothing(protocol, target)),
  stillAllowed: () => false,
};

function nothing(protocol: Parameters<Gate["admit"]>[1], target: Parameters<Gate["admit"]>[0]): Answer<never> {
  return { ok: false, refusal: refuse(protocol, target, "network_not_allowed", "This door is for the channel alone.") };
}
