import { Resolver as DnsResolver } from "node:dns/promises";
import type { RecordWithTtl } from "node:dns";
import { isIPv4 } from "node:net";
import { makeTurnstile } from "../serve/turnstile.ts";
import type { CheckedAddress } from "../decide/gate.ts";
import type { HostsTable } from "./hosts-table.ts";
import { codeOf } from "../../policy/index.ts";

/** An address as it was answered; nobody has looked yet whether it may be dialled. */
export type FoundAddress = CheckedAddress;

export type Lookup =
  | { readonly ok: true; readonly addresses: readonly FoundAddress[] }
  | {
      readonly ok: false;
      readonly reason: "resolve_failed" | "resolve_timed_out" | "limit";
      readonly message: string;
    };

/** The broker's own: nothing a sandboxed program does decides whom it asks. */
export interface NameResolver {
  /**
   * `name` is canonical, allowed, and not one of `localhost`'s. At least one address when ok. `isWanted` is asked when it
   * is the name's turn: what was forbidden while it waited reaches no server.
   */
  lookup(name: string, isWanted?: () => boolean): Promise<Lookup>;
  /** Gives up what is under way. */
  close(): void;
}

export interface ResolverOptions {
  /** `address` or `address:port`; the system's when absent. */
  readonly servers?: readonly string[];
  readonly hosts?: HostsTable;
  /** For a whole lookup, in milliseconds. */
  readonly timeout?: number;
  /** How long an answer is kept, in seconds, whatever it says of itself. */
  readonly shortestLife?: number;
  readonly longestLife?: number;
  readonly cacheSize?: number;
  /** Questions to the servers: names below a wildcard could carry data out. */
  readonly lookupsPerSecond?: number;
  readonly now?: () => number;
}

interface Pending {
  readonly answer: Promise<Lookup>;
  /** Of everybody who waits for it. */
  readonly wanted: (() => boolean)[];
}

interface Kept {
  readonly addresses: readonly FoundAddress[];
  readonly until: number;
}

/** How long the other family is waited for when one has answered: some servers never answer for IPv6. */
const GRACE = 300;

export function makeResolver(options: ResolverOptions = {}): NameResolver {
  const { hosts, timeout = 5000, shortestLife = 5, longestLife = 300, cacheSize = 1024 } = options;
  const now = options.now ?? (() => performance.now());
  const turnstile = makeTurnstile(options.lookupsPerSecond ?? 50, now);
  const kept = new Map<string, Kept>();
  const pending = new Map<string, Pending>();
  let closed = false;
  // Two tries within the time of the whole lookup.
  const dns = new DnsResolver({ timeout: Math.max(1, Math.floor(timeout / 2)), tries: 2 });
  if (options.servers !== undefined) dns.setServers(options.servers);

  const keep = (name: string, addresses: readonly FoundAddress[], ttl: number): void => {
    kept.delete(name);
    kept.set(name, { addresses, until: now() + Math.min(Math.max(ttl, shortestLife), longestLife) * 1000 });
    const [oldest] = kept.keys();
    if (kept.size > cacheSize && oldest !== undefined) kept.delete(oldest);
  };

  const ask = async (name: string): Promise<Lookup> => {
    const found = await within(timeout, askBoth(dns, name));
    if (found === null) return failed("resolve_timed_out", name);
    if (found.records.length === 0) return failed(found.timedOut ? "resolve_timed_out" : "resolve_failed", name);
    const addresses = found.records.map(({ address }) => asFound(address));
    keep(name, addresses, Math.min(...found.records.map(({ ttl }) => ttl)));
    return { ok: true, addresses };
  };

  const inTurn = async (name: string, wanted: Pending["wanted"]): Promise<Lookup> => {
    const mayAsk = await turnstile.pass();
    if (closed || !wanted.some((isWanted) => isWanted())) return failed("resolve_failed", name);
    return mayAsk ? ask(name) : failed("limit", name);
  };

  return {
    async lookup(name, isWanted = () => true) {
      const local = hosts?.get(name);
      if (local !== undefined && local.length > 0) return { ok: true, addresses: local.map(asFound) };
      const known = kept.get(name);
      if (known !== undefined && known.until > now()) return { ok: true, addresses: known.addresses };
      const running = pending.get(name);
      if (running !== undefined) {
        running.wanted.push(isWanted);
        return running.answer;
      }
      const wanted = [isWanted];
      const answer = inTurn(name, wanted).finally(() => pending.delete(name));
      pending.set(name, { answer, wanted });
      return answer;
    },
    close() {
      closed = true;
      turnstile.close();
      dns.cancel();
    },
  };
}

interface Found {
  readonly records: readonly RecordWithTtl[];
  readonly timedOut: boolean;
}

/** IPv4 first: it is reached from more places. */
async function askBoth(dns: DnsResolver, name: string): Promise<Found> {
  const four = records(() => dns.resolve4(name, { ttl: true }));
  const six = records(() => dns.resolve6(name, { ttl: true }));
  const first = await Promise.race([four, six]);
  const both = Promise.all([four, six]);
  const all = first.records.length > 0 ? ((await within(GRACE, both)) ?? [first]) : await both;
  return { records: all.flatMap((one) => one.records), timedOut: all.some((one) => one.timedOut) };
}

async function records(question: () => Promise<readonly RecordWithTtl[]>): Promise<Found> {
  try {
    return { records: await question(), timedOut: false };
  } catch (error) {
    const code = codeOf(error);
    if (typeof code !== "string") throw error;
    return { records: [], timedOut: code === "ETIMEOUT" };
  }
}

/** Null when the time is over first. */
async function within<T>(time: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), time);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

function asFound(address: string): FoundAddress {
  return { address, family: isIPv4(address) ? 4 : 6 };
}

const words = {
  resolve_failed: "has no address",
  resolve_timed_out: "was not answered for in time",
  limit: "is one of too many names asked for at once",
} as const;

function failed(reason: keyof typeof words, name: string): Lookup {
  return { ok: false, reason, message: `${name} ${words[reason]}` };
}
