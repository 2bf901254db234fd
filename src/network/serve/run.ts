import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Decision, JournalEvent, Query, ResolvedPolicy } from "../../policy/index.ts";
import { targetOf } from "../names/authority.ts";
import { openChronicle } from "./chronicle.ts";
import type { NetworkEvent } from "./chronicle.ts";
import { serveDns } from "../dns/service.ts";
import { openDoor } from "../door/door.ts";
import type { Door } from "../door/door.ts";
import type { Fetcher } from "../fetch/model.ts";
import type { DatagramEntrance, Entrance } from "./entrances.ts";
import type { DoorEvent, Refusal } from "../decide/gate.ts";
import { parseHosts } from "../names/hosts-table.ts";
import type { Interception } from "../intercept/index.ts";
import type { DecideMiss } from "../decide/misses.ts";
import type { SessionProtocol } from "../door/parts.ts";
import { makeGate } from "../decide/policy-gate.ts";
import type { PolicyGate } from "../decide/policy-gate.ts";
import { authorityOf } from "../decide/refusal.ts";
import { makeResolver } from "../names/resolver.ts";
import { makeSyntheticNames } from "../names/synthetic.ts";
import type { SyntheticNames } from "../names/synthetic.ts";
import { unblocked } from "./unblocked.ts";
import { upstreamFrom } from "../upstream/environment.ts";

/** The listeners of one run. */
export interface Entrances {
  readonly proxy: Entrance;
  readonly transparent: ReadonlyMap<number, Entrance>;
  readonly dns: { readonly udp: DatagramEntrance; readonly tcp: Entrance } | null;
}

export interface ServeOptions {
  readonly policy: ResolvedPolicy;
  /** The broker's own: where its proxies are named. */
  readonly environment: ReadonlyMap<string, string>;
  readonly refused: (query: Query, decision: Decision) => void;
  /** Every decision, for the journal; many of the same together when they come too fast. */
  readonly record: (event: JournalEvent) => void;
  /** Asked about destinations that merely no rule allows; without it they are refused. */
  readonly decideMiss?: DecideMiss;
  /** From `interceptionFor`; before another policy is put in force, `adopt` it. */
  readonly interception?: Interception | null;
  /** Spoken on the proxy's port. */
  readonly session?: SessionProtocol | null;
}

/** A run's network, in service. */
export interface ServedDoor {
  /** Fetches by the rules in force. */
  readonly fetcher: Fetcher;
  /** Puts another policy in force and ends what it does not allow; returns its generation's number. */
  update(policy: ResolvedPolicy): number;
  /** The same with an earlier one; false when it is no longer known. */
  restore(generation: number): boolean;
  close(): void;
}

/** Puts the parts together: one gate that decides, and all that asks it. */
export function serveEntrances(entrances: Entrances, options: ServeOptions): ServedDoor {
  const { door, gate, names, observe, served } = openBehindPolicy(options);
  door.serve(unblocked(entrances.proxy.serve({}, ignore)), "proxy");
  for (const entrance of entrances.transparent.values())
    door.serve(unblocked(entrance.serve({}, ignore)), "transparent");
  const dns =
    entrances.dns === null
      ? null
      : serveDns({
          gate,
          names,
          observe,
          udp: [entrances.dns.udp.serve(ignore)],
          tcp: [unblocked(entrances.dns.tcp.serve({}, ignore))],
        });
  return {
    ...served,
    close() {
      dns?.close();
      served.close();
    },
  };
}

/** A fetcher for a run that needs no door, because it has the host's network: the policy's rules hold for it alike. */
export function openFetcher(
  options: Pick<ServeOptions, "policy" | "environment" | "record">,
): Fetcher & { readonly close: () => void } {
  const { served } = openBehindPolicy({ ...options, refused: ignore });
  return { fetch: (request, how) => served.fetcher.fetch(request, how), close: () => served.close() };
}

/** What stands behind any form of a run's door. */
export interface DoorBehindPolicy {
  readonly door: Door;
  readonly gate: PolicyGate;
  readonly names: SyntheticNames;
  readonly observe: (event: DoorEvent) => void;
  readonly served: ServedDoor;
}

/** A door that nobody can come to yet. `secret` is what each protocol of the proxy demands. */
export function openBehindPolicy(options: ServeOptions, secret: string | null = null): DoorBehindPolicy {
  const names = makeSyntheticNames();
  const resolver = makeResolver({ hosts: hostsOfThisMachine() });
  const { policy, decideMiss } = options;
  const gate = makeGate({ policy, resolver, ...(decideMiss && { decideMiss }) });
  const chronicle = openChronicle((event) => options.record(event));
  const observe = (event: DoorEvent): void => {
    chronicle.add(entryOf(event));
    if (event.refusal !== null) tell(event.refusal, options);
  };
  const choose = upstreamFrom(Object.fromEntries(options.environment));
  let dialsItself = refusesUpstream(policy);
  const door = openDoor({
    gate,
    parseTarget: targetOf,
    observe,
    upstream: (target, form) => (dialsItself ? null : choose(target, form)),
    originalOf: (address) => names.nameOf(address),
    ...(secret !== null && { secret }),
    ...(options.interception && { interception: options.interception }),
    ...(options.session && { sessionProtocol: options.session }),
  });
  const served: ServedDoor = {
    fetcher: door.fetcher,
    update(next) {
      // It stays so for the run: what narrows holds at once, what widens is for later runs.
      dialsItself ||= refusesUpstream(next);
      const generation = gate.update(next);
      door.update();
      return generation;
    },
    restore(generation) {
      const known = gate.restore(generation);
      if (known) door.update();
      return known;
    },
    close() {
      door.close();
      resolver.close();
      chronicle.close();
    },
  };
  return { door, gate, names, observe, served };
}

function refusesUpstream({ layers }: ResolvedPolicy): boolean {
  return layers.some(({ network }) => network.upstreamProxy === "refused");
}

function entryOf({ kind, protocol, target, refusal, decision, sent, received }: DoorEvent): NetworkEvent {
  const decided = decision ?? refusal?.decision ?? null;
  return {
    kind: `network.${kind}`,
    protocol,
    target: target === null ? null : authorityOf(target),
    reason: refusal?.reason ?? decided?.reason ?? "granted",
    rule: decided?.rule?.text ?? null,
    sent,
    received,
  };
}

/** What a policy refused; what the world failed at is no refusal of ours. */
function tell({ target, protocol, reason, decision, message }: Refusal, { refused }: ServeOptions): void {
  // Programs look up the name of their own machine without wanting anything of it; a file answers them.
  if (target === null || (protocol === "dns" && target.host === hostname().toLowerCase())) return;
  const query: Query =
    protocol === "dns" ? { op: "dns", name: target.host } : { op: "connect", host: target.host, port: target.port };
  if (decision !== null && decision.effect !== "allow") return refused(query, decision);
  if (reason !== "private_address" && reason !== "sni_mismatch" && reason !== "sni_missing") return;
  refused(query, {
    effect: "deny",
    reason: "network_not_allowed",
    rule: { kind: "network", text: message },
    provenance: null,
    where: "host",
    suggestion: null,
  });
}

function hostsOfThisMachine(): ReturnType<typeof parseHosts> {
  try {
    return parseHosts(readFileSync("/etc/hosts", "utf8"));
  } catch {
    return parseHosts(""); // without such a file every name is asked of the resolver
  }
}

function ignore(): void {}
