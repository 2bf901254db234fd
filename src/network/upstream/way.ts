import type { Answer, Gate, Passage, Protocol } from "../decide/gate.ts";
import type { DoorLimits } from "../door/limits.ts";
import { refuse } from "../decide/refusal.ts";
import { dial, type DialFailure, type Dialled } from "./dial.ts";
import type { ChooseUpstream } from "./environment.ts";
import { authorizationFor, reachProxy, tunnelThrough } from "./through-proxy.ts";

/** How a passage's target is reached. Connections with the same `key` lead to the same place. */
export interface Way {
  readonly key: string;
  /** Requests go to an upstream proxy in absolute form, with this `Proxy-Authorization` where it wants one. */
  readonly absolute: { readonly authorization: string | null } | null;
  open(): Promise<Dialled>;
}

export interface WayFinder {
  readonly gate: Gate;
  readonly limits: DoorLimits;
  readonly upstream: ChooseUpstream | null;
}

/** The upstream proxy where there is one for the target, else its addresses, resolved once and checked by the gate. */
export async function findWay(
  { gate, limits, upstream }: WayFinder,
  passage: Passage,
  protocol: Protocol,
  form: "http" | "tunnel",
): Promise<Answer<Way>> {
  const { target } = passage;
  const time = limits.connectTime;
  const proxy = upstream?.(target, form) ?? null;
  if (proxy !== null) {
    const key = `${proxy.kind}://${proxy.user ?? ""}@${proxy.host}:${proxy.port}|${target.host}|${target.port}`;
    if (form === "http" && proxy.kind !== "socks5") {
      const absolute = { authorization: authorizationFor(proxy) };
      return { ok: true, value: { key, absolute, open: () => reachProxy(proxy, time) } };
    }
    return { ok: true, value: { key, absolute: null, open: () => tunnelThrough(proxy, target, time) } };
  }
  const located = await gate.locate(passage, protocol);
  if (!located.ok) return located;
  const addresses = located.value;
  const key = `${addresses.map(({ address }) => address).join(",")}|${target.host}|${target.port}`;
  return { ok: true, value: { key, absolute: null, open: () => dial(addresses, target.port, time) } };
}

/** A failed dial as the program is told. */
export function dialRefusal(failure: DialFailure, { target }: Passage, protocol: Protocol): ReturnType<typeof refuse> {
  return refuse(protocol, target, failure.failed, `${target.host} could not be reached: ${failure.message}.`);
}
