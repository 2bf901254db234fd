import { domainToASCII, domainToUnicode } from "node:url";
import { parseHost } from "../../policy/index.ts";
import type { Protocol, Refusal, Target } from "../decide/gate.ts";
import { canonicalAddress } from "./private-ranges.ts";
import { refuse } from "../decide/refusal.ts";

/** What is wrong with the spelling of a destination. */
export type HostFault =
  | "empty"
  | "too long"
  | "not UTF-8"
  | "a forbidden character"
  | "user information"
  | "an escape"
  | "a zone"
  | "brackets"
  | "not a host name"
  | "not an address"
  | "a port that is none"
  | "no port"
  | "a scheme that is none"
  | "a fragment";

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: HostFault };

/** A request line's target in absolute form: `http://host/path?query`. */
export interface AbsoluteTarget {
  readonly scheme: "http" | "https" | "ws" | "wss";
  readonly target: Target;
  /** Path and query as they were written; never empty. */
  readonly path: string;
}

const LONGEST_AUTHORITY = 512;
const LONGEST_URL = 64 * 1024;

/**
 * `host`, `host:port`, `[v6]` or `[v6]:port`, in one strict grammar; `defaultPort` null demands a port.
 * A string is text: one that holds bytes (Node's `req.url`) belongs in `Buffer.from(x, "latin1")` first.
 */
export function parseAuthority(input: Uint8Array | string, defaultPort: number | null): Parsed<Target> {
  const text = textOf(input, LONGEST_AUTHORITY);
  return text.ok ? authority(text.value, defaultPort) : text;
}

/** The same for text of Node's HTTP parser, in which each character is a byte; null for every fault. */
export function targetOf(latin1: string, defaultPort: number): Target | null {
  const parsed = parseAuthority(Buffer.from(latin1, "latin1"), defaultPort);
  return parsed.ok ? parsed.value : null;
}

/** An absolute URL of HTTP or WebSocket, without user information and fragment. Strings as in `parseAuthority`. */
export function parseAbsoluteTarget(input: Uint8Array | string): Parsed<AbsoluteTarget> {
  const text = textOf(input, LONGEST_URL);
  if (!text.ok) return text;
  const [, written = "", host = "", path = ""] = /^([A-Za-z]+):\/\/([^/?#]*)(.*)$/s.exec(text.value) ?? [];
  const scheme = (["http", "https", "ws", "wss"] as const).find((known) => known === written.toLowerCase());
  if (scheme === undefined) return fault("a scheme that is none");
  if (path.includes("#")) return fault("a fragment");
  if (!/^[\x21-\x7e]*$/.test(path) || path.includes("\\")) return fault("a forbidden character");
  if (host.length > LONGEST_AUTHORITY) return fault("too long");
  const target = authority(host, scheme === "http" || scheme === "ws" ? 80 : 443);
  if (!target.ok) return target;
  return { ok: true, value: { scheme, target: target.value, path: path.startsWith("/") ? path : `/${path}` } };
}

/** A bare name or address, as SOCKS5, DNS and TLS carry them: no brackets, no port. Strings as in `parseAuthority`. */
export function parseBareHost(input: Uint8Array | string, port: number): Parsed<Target> {
  const text = textOf(input, LONGEST_AUTHORITY);
  if (!text.ok) return text;
  return text.value.includes(":") ? v6(text.value, port) : named(text.value, port);
}

/** The refusal that goes out for such a spelling. The spelling itself is not repeated. */
export function badHost(protocol: Protocol, found: HostFault): Refusal {
  return refuse(protocol, null, "bad_host", `the destination is written in a form that is not accepted: ${found}`);
}

function authority(text: string, defaultPort: number | null): Parsed<Target> {
  if (text.includes("@")) return fault("user information");
  const bracketed = text.startsWith("[");
  const end = bracketed ? text.indexOf("]") + 1 : text.includes(":") ? text.indexOf(":") : text.length;
  if (end === 0) return fault("brackets");
  const port = portOf(text.slice(end), defaultPort);
  if (!port.ok) return port;
  return bracketed ? v6(text.slice(1, end - 1), port.value) : named(text.slice(0, end), port.value);
}

function portOf(rest: string, defaultPort: number | null): Parsed<number> {
  if (rest === "") return defaultPort === null ? fault("no port") : { ok: true, value: defaultPort };
  const port = /^:[1-9]\d{0,4}$/.test(rest) ? Number(rest.slice(1)) : 0;
  return port >= 1 && port <= 65_535 ? { ok: true, value: port } : fault("a port that is none");
}

function v6(text: string, port: number): Parsed<Target> {
  if (text.includes("%")) return fault("a zone");
  const host = text.includes(":") ? canonicalAddress(text) : null;
  return host === null ? fault("not an address") : { ok: true, value: { host, isAddress: true, port } };
}

function named(text: string, port: number): Parsed<Target> {
  if (text === "") return fault("empty");
  if (text.includes("%")) return fault("an escape");
  const name = asciiOf(text);
  const host = name === null ? null : parseHost(name);
  if (host === null) return fault("not a host name");
  if (host.kind === "name") return { ok: true, value: { host: host.name, isAddress: false, port } };
  const address = canonicalAddress(text);
  return address === null ? fault("not an address") : { ok: true, value: { host: address, isAddress: true, port } };
}

/**
 * The name in ASCII. Characters that stand for ASCII ones (digits in circles, full stops of other scripts, letters of
 * full width) and ones that vanish are second spellings and not accepted; a label in Punycode must be what it decodes to.
 */
function asciiOf(name: string): string | null {
  const isAscii = /^[\0-\x7f]*$/.test(name);
  if (isAscii && !/(?:^|\.)xn--/i.test(name)) return name;
  if (/[\u3002\uff0e\uff61]/.test(name)) return null;
  for (const character of name) {
    if (character > "\x7f" && /[\0-\x7f]/.test(character.normalize("NFKC").toLowerCase())) return null;
  }
  const ascii = domainToASCII(name);
  if (isAscii) return ascii === name.toLowerCase() && ascii.split(".").every(isCanonical) ? ascii : null;
  const before = name.split(".");
  const after = ascii.split(".");
  if (before.length !== after.length) return null;
  const isKept = before.every(
    (label, index) =>
      after[index] === label.toLowerCase() || (/[^\0-\x7f]/.test(label) && after[index]?.startsWith("xn--") === true),
  );
  return isKept ? ascii : null;
}

/** Of names in ASCII, later versions of Node.js look at no label. */
function isCanonical(label: string): boolean {
  if (!label.startsWith("xn--")) return true;
  const readable = domainToUnicode(label);
  return /[^\0-\x7f]/.test(readable) && domainToASCII(readable) === label;
}

function textOf(input: Uint8Array | string, longest: number): Parsed<string> {
  if (input.length === 0) return fault("empty");
  if (input.length > longest) return fault("too long");
  const text = typeof input === "string" ? input : decoded(input);
  if (text === null) return fault("not UTF-8");
  return /[\0-\x20\x7f-\x9f\\]|\s/u.test(text) ? fault("a forbidden character") : { ok: true, value: text };
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    // What TextDecoder says of bytes that are no UTF-8.
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function fault(found: HostFault): { readonly ok: false; readonly fault: HostFault } {
  return { ok: false, fault: found };
}
