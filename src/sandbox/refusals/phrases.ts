/** What went wrong, as far as the words tell. */
export type Errno =
  | "EACCES"
  | "EPERM"
  | "EROFS"
  | "ENOENT"
  | "EBUSY"
  | "EXDEV"
  | "ENETUNREACH"
  | "EHOSTUNREACH"
  | "ECONNREFUSED"
  | "ETIMEDOUT"
  | "EAI";

export type PhraseKind = "path" | "host" | "name" | "command" | "variable";

interface Phrase {
  /** In lower case. */
  readonly text: string;
  readonly errno: Errno | null;
  readonly kind: PhraseKind;
  readonly isCode?: true;
}

/** A phrase where it stands in a line. */
export interface Found extends Phrase {
  readonly at: number;
}

const path = (errno: Errno, ...texts: readonly string[]): readonly Phrase[] =>
  texts.map((text) => ({ text, errno, kind: "path" }));
const host = (errno: Errno, ...texts: readonly string[]): readonly Phrase[] =>
  texts.map((text) => ({ text, errno, kind: "host" }));
const name = (...texts: readonly string[]): readonly Phrase[] =>
  texts.map((text) => ({ text, errno: "EAI", kind: "name" }));

/** Node's `spawn x ENOENT`: names of errors tell only where words do not. */
const code = (...names: readonly Errno[]): readonly Phrase[] =>
  names.map((errno) => ({ text: errno.toLowerCase(), errno, kind: "path", isCode: true }));

/** The C library's words for errors, and those of runtimes that have their own. All as printed by real programs. */
const phrases: readonly Phrase[] = [
  ...path("EACCES", "permission denied", "accessdeniedexception"),
  ...path("EPERM", "operation not permitted"),
  ...path("EROFS", "read-only file system"),
  // dash says half of it for a script it cannot open.
  ...path("ENOENT", "no such file or directory", "no such file", "cannot find module", "nosuchfileexception"),
  ...code("ENOENT", "EACCES", "EPERM", "EROFS"),
  ...path("EBUSY", "device or resource busy", "resource busy or locked"),
  ...path("EXDEV", "invalid cross-device link", "cross-device link not permitted"),
  ...path("EACCES", "cannot connect to the docker daemon at"),
  ...host("ENETUNREACH", "network is unreachable", "enetunreach"),
  ...host("EHOSTUNREACH", "no route to host", "ehostunreach"),
  ...host(
    "ECONNREFUSED",
    "connection refused",
    "econnrefused",
    "couldn't connect to server",
    "could not connect to server",
  ),
  ...host("ETIMEDOUT", "connection timed out", "etimedout"),
  ...name(
    "could not resolve host",
    "couldn't resolve host",
    "unable to resolve host address",
    "name or service not known",
    "temporary failure in name resolution",
    "nodename nor servname provided",
    "failed to lookup address",
    "no address associated with hostname",
    "enotfound",
    "eai_again",
    "eai_fail",
    "unknownhostexception",
    "dial tcp: lookup",
    "nameresolutionerror",
  ),
  { text: "command not found", errno: "ENOENT", kind: "command" },
  { text: "executable file not found in $path", errno: "ENOENT", kind: "command" },
  { text: ": not found", errno: "ENOENT", kind: "command" },
  { text: "unbound variable", errno: null, kind: "variable" },
  { text: "parameter not set", errno: null, kind: "variable" },
  { text: "keyerror: '", errno: null, kind: "variable" },
];

/** What each kind yields to in a line that has both: a name that cannot be resolved says more than its transport's error. */
const order: readonly PhraseKind[] = ["name", "host", "path", "command", "variable"];

/** The phrase to read a line by; of its kind the leftmost. `lower` is the line in lower case. */
export function findPhrase(lower: string): Found | null {
  let best: Found | null = null;
  for (const phrase of phrases) {
    const at = wordAt(lower, phrase.text, 0);
    if (at !== -1 && (best === null || isBetter(phrase, at, best))) best = { ...phrase, at };
  }
  return best;
}

/** The same phrase further on. */
export function nextPhrase(lower: string, found: Found): Found | null {
  const at = wordAt(lower, found.text, found.at + found.text.length);
  return at === -1 ? null : { ...found, at };
}

function isBetter(phrase: Phrase, at: number, best: Found): boolean {
  const rank = order.indexOf(best.kind) - order.indexOf(phrase.kind);
  if (rank !== 0) return rank > 0;
  if (phrase.isCode !== best.isCode) return phrase.isCode !== true;
  return at < best.at;
}

/** Not in the middle of a word: `FileNotFoundError` holds `ENOTFOUND`. */
function wordAt(lower: string, text: string, from: number): number {
  let at = lower.indexOf(text, from);
  while (at > 0 && /[a-z0-9]/.test(lower.charAt(at - 1)) && /^[a-z]/.test(text)) at = lower.indexOf(text, at + 1);
  return at;
}
