import { inBlock, parseAddress, parseBlock } from "./address.ts";
import type { AddressBlock } from "./address.ts";
import { SandboxedError } from "../words/error.ts";

/** A destination as it is compared: a name in lower case without its final dot, or an address. */
export type Host =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "address"; readonly bits: bigint };

/** What a key of a `domains` table stands for. `port` null means the web's, 80 and 443. */
export interface DomainPattern {
  readonly what:
    | { readonly kind: "exact" | "below" | "apex and below"; readonly name: string }
    | { readonly kind: "block"; readonly block: AddressBlock };
  readonly port: number | null;
}

const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/** Null for everything that is not plainly a name or an address: what cannot be compared is not allowed. */
export function parseHost(text: string): Host | null {
  const bits = parseAddress(text);
  if (bits !== null) return { kind: "address", bits };
  const name = text.toLowerCase().replace(/\.$/, "");
  return isName(name) ? { kind: "name", name } : null;
}

const localhost = { kind: "name", name: "localhost" } as const;
const loopback: readonly Host[] = ["127.0.0.1", "::1"].flatMap((text) => parseHost(text) ?? []);
const loopbackBlocks = ["127.0.0.0/8", "::1"].flatMap((text) => parseBlock(text) ?? []);
const unspecified = new Set(["0.0.0.0", "::"].map((text) => parseAddress(text)));

/**
 * Where else a connection there ends. Linux takes the unspecified address for this machine's loopback, and `localhost`
 * is its name (RFC 6761), whatever a resolver says.
 */
export function alsoReached(host: Host): readonly Host[] {
  if (host.kind === "name") return host.name === localhost.name ? loopback : [];
  if (unspecified.has(host.bits)) return [...loopback, localhost];
  return loopbackBlocks.some((block) => inBlock(host.bits, block)) ? [localhost] : [];
}

/** Letters, digits and hyphens; a last label of digits is an address in disguise (`127.1`, `0x7f.1`). */
function isName(name: string): boolean {
  const labels = name.split(".");
  return (
    name.length <= 253 && labels.every((part) => label.test(part)) && !/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")
  );
}

/** Errors: `policy_invalid`. */
export function parseDomainPattern(text: string): DomainPattern {
  const { host, port } = splitPort(text);
  const block = parseBlock(host);
  if (block !== null) return { what: { kind: "block", block }, port };
  if (host === "*") throw everywhere(text);
  const [, stars = "", rest = ""] = /^(\*\*\.|\*\.)?(.*)$/.exec(host.toLowerCase()) ?? [];
  const name = rest.replace(/\.$/, "");
  if (!isName(name)) throw invalid(text);
  if (stars !== "" && !name.includes(".")) {
    throw new SandboxedError("policy_invalid", `${JSON.stringify(text)} covers a whole top-level domain`, {
      hint: "name a domain that belongs to somebody: *.example.com",
    });
  }
  return { what: { kind: stars === "" ? "exact" : stars === "*." ? "below" : "apex and below", name }, port };
}

/** An address or a block, for `resolve_to`. Errors: `policy_invalid`. */
export function parseNetwork(text: string): AddressBlock {
  const block = parseBlock(text);
  if (block !== null) return block;
  throw new SandboxedError("policy_invalid", `${JSON.stringify(text)} is neither an address nor a block of addresses`, {
    hint: 'write "10.0.0.5" or "10.0.0.0/8", with no bit set behind the mask',
  });
}

/** Whether the pattern covers the host; `port` null asks for the name alone, as a DNS question does. */
export function covers(pattern: DomainPattern, host: Host, port: number | null): boolean {
  if (port !== null && (pattern.port === null ? port !== 80 && port !== 443 : port !== pattern.port)) return false;
  return coversHost(pattern, host);
}

export function coversHost({ what }: DomainPattern, host: Host): boolean {
  if (what.kind === "block") return host.kind === "address" && inBlock(host.bits, what.block);
  if (host.kind === "address") return false;
  if (host.name === what.name) return what.kind !== "below";
  return what.kind !== "exact" && host.name.endsWith(`.${what.name}`);
}

/** `host:port`, `[v6]:port`, or a host alone. */
function splitPort(text: string): { readonly host: string; readonly port: number | null } {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return { host: text, port: null };
  const port = match[3] === undefined ? null : Number(match[3]);
  if (port === 0 || (port ?? 1) > 65_535) throw invalid(text);
  return { host: match[1] ?? match[2] ?? "", port };
}

function everywhere(text: string): SandboxedError {
  return new SandboxedError("policy_invalid", `${JSON.stringify(text)} covers every host`, {
    hint: 'to allow all, write mode = "full"; to deny all, allow nothing: what no rule allows is refused',
  });
}

function invalid(text: string): SandboxedError {
  return new SandboxedError("policy_invalid", `${JSON.stringify(text)} is not a host pattern`, {
    hint: "write example.com, *.example.com (below it), **.example.com (with it), 10.0.0.0/8 or [::1], each with or without :port",
  });
}
