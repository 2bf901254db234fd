import type { Candidate } from "./candidate.ts";
import type { Errno, Found } from "./phrases.ts";

interface Named {
  readonly host: string;
  readonly port: number | null;
}

/** What stands before a host, most telling first; the port a tool means where it names none. */
const markers: readonly { readonly text: string; readonly port?: number }[] = [
  { text: "resolve hostname ", port: 22 },
  { text: "resolve hostname (could not resolve host: " },
  { text: "resolve host: " },
  { text: "resolve host address " },
  { text: "lookup " },
  { text: "enotfound " },
  { text: "eai_again " },
  { text: "eai_fail " },
  { text: "unknownhostexception: " },
  { text: "failed to resolve " },
  { text: "resolving " },
  { text: "host='" },
  { text: "/dev/tcp/" },
  { text: "connect to host " },
  { text: "connect to server at " },
  { text: "connect to " },
  { text: "connecting to " },
  { text: "econnrefused " },
  { text: "enetunreach " },
  { text: "ehostunreach " },
  { text: "etimedout " },
  { text: "dial tcp " },
  { text: "dial tcp4 " },
  { text: "dial tcp6 " },
];

const schemes: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["ws", 80],
  ["https", 443],
  ["wss", 443],
  ["ftp", 21],
  ["ssh", 22],
  ["git", 9418],
  ["postgres", 5432],
  ["postgresql", 5432],
  ["mysql", 3306],
  ["redis", 6379],
  ["mongodb", 27017],
]);

/** The host that a line with a network phrase names: beside a marker, in a URL, or as an address with a port. */
export function hostCandidate(line: string, lower: string, found: Found): Candidate {
  const errno: Errno = found.errno ?? "ENETUNREACH";
  const marked = fromMarkers(line, lower);
  const url = fromUrl(line);
  // The URL knows the port that a failed look-up does not.
  const named =
    marked !== null && marked.port === null && url?.host === marked.host
      ? url
      : (marked ?? url ?? fromWords(line, found));
  return named === null ? { kind: "network", errno } : { kind: "host", ...named, errno };
}

function fromMarkers(line: string, lower: string): Named | null {
  for (const { text, port } of markers) {
    const at = lower.indexOf(text);
    const named = at === -1 ? null : readHost(line, at + text.length);
    if (named !== null) return { ...named, port: named.port ?? port ?? null };
  }
  return null;
}

function fromUrl(line: string): Named | null {
  const mark = line.indexOf("://");
  if (mark === -1) return null;
  const scheme = /[a-z]+$/i.exec(line.slice(Math.max(0, mark - 16), mark))?.[0].toLowerCase() ?? "";
  const known = schemes.get(scheme);
  if (known === undefined) return null;
  const authority = /^[^/?#\s"'`<>]{0,300}/.exec(line.slice(mark + 3))?.[0] ?? "";
  const named = readHost(authority.slice(authority.lastIndexOf("@") + 1), 0);
  return named === null ? null : { ...named, port: named.port ?? known };
}

/** `bash: line 1: example.com: Temporary failure …`, and any address with a port before the phrase. */
function fromWords(line: string, found: Found): Named | null {
  const words = line.slice(0, found.at).trimEnd().split(/\s+/, 64);
  for (const [back, word] of words.toReversed().entries()) {
    const isName = back === 0 && word.endsWith(":") && found.kind === "name";
    const named = readHost(word, 0);
    if (named !== null && (named.port !== null || isName)) return named;
  }
  return null;
}

/** A host at `from`, with or without quotes, and the port behind it: `h:80`, `h/80`, `h port 80`, `h', port=80`. */
function readHost(line: string, from: number): Named | null {
  const rest = line.slice(from, from + 400).replace(/^[\s"'`‘“]{0,4}/, "");
  const bracketed = /^\[([0-9a-f:.]{2,45})\]/i.exec(rest)?.[1];
  const host = bracketed ?? withoutDots(/^[\p{L}\p{N}_.-]{1,255}/u.exec(rest)?.[0] ?? "");
  const six = host.includes(":") ? null : (/^[0-9a-f]{0,4}:[0-9a-f:]{2,45}/i.exec(rest)?.[0] ?? null);
  if (six !== null && six.split(":").length > 3) return { host: six, port: null };
  if (!isHost(host)) return null;
  const after = rest.slice(rest.indexOf(host) + host.length).replace(/^\]/, "");
  const port = Number(/^(?:[:/]| port |['"]?, port=)(\d{1,5})(?!\d)/.exec(after)?.[1] ?? Number.NaN);
  return { host, port: port >= 1 && port <= 65_535 ? port : null };
}

/** Sentences end in dots; progress messages in three. */
function withoutDots(text: string): string {
  let end = text.length;
  while (end > 0 && text.charAt(end - 1) === ".") end -= 1;
  return text.slice(0, end);
}

/** A name with a dot, an address, or `localhost`: any other word could be anything. */
function isHost(text: string): boolean {
  if (text === "localhost" || (text.includes(":") && /^[0-9a-f:.]+$/i.test(text))) return true;
  return /^[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_])?$/u.test(text) && text.includes(".") && !text.includes("..");
}
