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
} from "./gate.ts";
export type { SessionProtocol } from "./parts.ts";
export type { DecideMiss } from "./misses.ts";
export type { GateOptions, PolicyGate } from "./policy-gate.ts";
export type { NameResolver, ResolverOptions } from "./resolver.ts";
export type { SyntheticNames } from "./synthetic.ts";
export type { DnsService, DnsServiceOptions } from "./dns/service.ts";
export { parseAbsoluteTarget, parseAuthority, parseBareHost, targetOf } from "./authority.ts";
export { kindOfAddress } from "./private-ranges.ts";
export { refuseBroadPatterns } from "./broad-patterns.ts";
export { parseHosts } from "./hosts-table.ts";
export { makeResolver } from "./resolver.ts";
export { makeSyntheticNames, targetAt } from "./synthetic.ts";
export { makeGate } from "./policy-gate.ts";
export { serveDns } from "./dns/service.ts";
export { overridesIn } from "./http/override.ts";
export { ByteRoom, roomForOthers } from "./room-for-others.ts";
export type { Holder } from "./room-for-others.ts";
export { openDoor } from "./door.ts";
export type { Door, DoorOptions } from "./door.ts";
export { openFetcher, serveEntrances } from "./serve-door.ts";
export type { Entrances, ServedDoor, ServeOptions } from "./serve-door.ts";
export type { Fetched, Fetcher, FetchOptions, FetchRequest, FetchTarget } from "./fetch/model.ts";
export { parseFetchUrl } from "./fetch/redirect.ts";
export { authorityOf, isRetryable } from "./refusal.ts";
export { serveLoopback } from "./serve-loopback.ts";
export type { LoopbackDoor, LoopbackOptions } from "./serve-loopback.ts";
export { serveLoopbackSession } from "./loopback-session.ts";
export { interceptionFor } from "./intercept/on-demand.ts";
export type { Interception, InterceptionOptions, KeyringModule, Sources } from "./intercept/index.ts";
