/** The door: who may reach what, by name, and the programs' way there. */
export type {
  CheckedAddress,
  DoorEvent,
  DoorObserver,
  DoorReason,
  Gate,
  Passage,
  Protocol,
  Refusal,
  Target,
} from "./decide/gate.ts";
export type { SessionProtocol } from "./door/parts.ts";
export type { DecideMiss } from "./decide/misses.ts";
export type { GateOptions, PolicyGate } from "./decide/policy-gate.ts";
export type { NameResolver, ResolverOptions } from "./names/resolver.ts";
export type { SyntheticNames } from "./names/synthetic.ts";
export type { DnsService, DnsServiceOptions } from "./dns/service.ts";
export { parseAbsoluteTarget, parseAuthority, parseBareHost, targetOf } from "./names/authority.ts";
export { kindOfAddress } from "./names/private-ranges.ts";
export { refuseBroadPatterns } from "./names/broad-patterns.ts";
export { parseHosts } from "./names/hosts-table.ts";
export { makeResolver } from "./names/resolver.ts";
export { makeSyntheticNames, targetAt } from "./names/synthetic.ts";
export { makeGate } from "./decide/policy-gate.ts";
export { serveDns } from "./dns/service.ts";
export { overridesIn } from "./http/override.ts";
export { Growing } from "./carry/growing.ts";
export { Secret } from "./door/secret.ts";
export { boundedBody } from "./serve/bounded-body.ts";
export { ByteRoom, roomForOthers } from "./serve/room-for-others.ts";
export type { Holder } from "./serve/room-for-others.ts";
export { openDoor } from "./door/door.ts";
export type { Door, DoorOptions } from "./door/door.ts";
export { openFetcher, serveEntrances } from "./serve/run.ts";
export type { Entrances, ServedDoor, ServeOptions } from "./serve/run.ts";
export type { Fetched, Fetcher, FetchOptions, FetchRequest, FetchTarget } from "./fetch/model.ts";
export { parseFetchUrl } from "./fetch/redirect.ts";
export { authorityOf, isRetryable } from "./decide/refusal.ts";
export { serveLoopback } from "./serve/loopback.ts";
export type { LoopbackDoor, LoopbackOptions } from "./serve/loopback.ts";
export { serveLoopbackSession } from "./serve/loopback-session.ts";
export { interceptionFor } from "./intercept/on-demand.ts";
export type { Interception, InterceptionOptions, KeyringModule, Sources } from "./intercept/index.ts";
