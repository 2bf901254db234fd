import { absolutePath, escapeText } from "../../policy/index.ts";
import type { AbsolutePath, Decision, Oracle, Query } from "../../policy/index.ts";
import { sightings } from "./candidates.ts";
import type { Sighting } from "./candidates.ts";
import { judge } from "./judge.ts";
import type { Scene } from "./judge.ts";
import { readableLines } from "./lines.ts";
import type { Errno } from "./phrases.ts";

/** Something that a program was probably refused, by its own words and the policy's. */
export interface Refusal {
  readonly query: Query;
  /** Denies; or allows in a private or masked place, while the host has what the program did not find. */
  readonly decision: Decision;
  /** The line that tells of it, escaped, 200 characters at most. */
  readonly evidence: string;
  /** Null for variables. */
  readonly errno: Errno | null;
}

export interface RefusalSearch {
  /** The program's standard error, as much as was kept. Untrusted. */
  readonly text: string | Uint8Array;
  readonly oracle: Oracle;
  /** The program's working directory, absolute. */
  readonly cwd: string;
  readonly home: string;
  /** Is there something on the host? False where that cannot be told; does not throw. */
  readonly exists: (path: AbsolutePath) => boolean;
  /** The caller's. Without it, programs and variables that did not get in are not looked for. */
  readonly environment?: ReadonlyMap<string, string>;
}

const most = 20;
const longestEvidence = 200;

/** Looking at a path costs a system call: enough for any honest output. */
const mostAsked = 400;

/**
 * What a failed run was probably refused, from what it printed: nothing was traced. A path or host that the output calls
 * refused counts only when the oracle refuses it too, or hides what the host has. First what lines name, in the order of
 * their appearance, then what lines around them let guess. Takes time in proportion to the text.
 *
 * The program chooses what it prints, so a refusal proves neither that the program tried nor that granting it is wise.
 */
export function findRefusals(search: RefusalSearch): readonly Refusal[] {
  const scene: Scene = {
    oracle: search.oracle,
    cwd: absolutePath(search.cwd),
    home: absolutePath(search.home),
    exists: search.exists,
    environment: search.environment ?? new Map(),
  };
  const seen = new Set<string>();
  const found = new Map<string, Refusal>();
  const all = sightings(readableLines(search.text));
  for (const sighting of inOrder(all)) {
    const asked = JSON.stringify(sighting.candidate);
    if (found.size === most || seen.size === mostAsked) break;
    if (seen.has(asked)) continue;
    seen.add(asked);
    // An error that names no host adds nothing to one that does.
    if (sighting.candidate.kind === "network" && [...found.values()].some(({ query }) => isNetwork(query))) continue;
    const judgement = judge(sighting.candidate, scene);
    if (judgement === null) continue;
    const key = keyOf(judgement.query);
    const before = found.get(key);
    if (before !== undefined && !(before.query.op === "dns" && judgement.query.op === "connect")) continue;
    found.set(key, { ...judgement, evidence: evidenceOf(sighting.line), errno: errnoOf(sighting) });
  }
  return [...found.values()];
}

function inOrder(all: readonly Sighting[]): readonly Sighting[] {
  return all.toSorted((one, other) => rank(one) - rank(other));
}

function rank({ candidate, isGuess }: Sighting): number {
  if (candidate.kind === "network") return 2;
  return isGuess ? 1 : 0;
}

/** Reading and listing, writing and renaming, a name and its ports: one refusal for each pair. */
function keyOf(query: Query): string {
  switch (query.op) {
    case "connect":
      return `host ${query.host}`;
    case "dns":
      return `host ${query.name}`;
    case "connect_unix":
      return `socket ${query.path}`;
    case "env":
      return `variable ${query.name}`;
    case "bind":
      return `bind ${query.port}`;
    case "read":
    case "list":
    case "exec":
      return `see ${query.path}`;
    case "write":
    case "create":
    case "move":
      return `change ${query.path}`;
  }
}

function isNetwork({ op }: Query): boolean {
  return op === "connect" || op === "dns";
}

function errnoOf({ candidate }: Sighting): Errno | null {
  return candidate.kind === "variable" ? null : candidate.errno;
}

function evidenceOf(line: string): string {
  const text = escapeText(line.trim().slice(0, longestEvidence * 2));
  return text.length <= longestEvidence ? text : `${text.slice(0, longestEvidence - 1)}…`;
}
