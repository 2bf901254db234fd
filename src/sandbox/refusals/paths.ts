import type { Candidate, Intent } from "./candidate.ts";
import { intentOf } from "./intent.ts";
import type { Errno, Found } from "./phrases.ts";
import { quotedWords, trimEnd, trimWord } from "./words.ts";
import type { Word } from "./words.ts";

/** First words of messages that are sentences: what follows is not a file name as a whole. */
const sentence =
  /^(?:cannot|can't|could|couldn't|unable|failed|failure|error|open|opening|mkdir|rename|remove|unlink|lstat|stat|chmod|chdir|readdir|readlink|symlink|link|truncate|creating|create|writing|write|reading|read|while|when|fork\/exec|exec|exec:|dial|listen|go:|couldn’t|cannot:|loading|executing|invalid|the|no|\*\*\*)(?=[\s:]|$)/i;

/** Words where a path could stand that never are one. */
const noPath = new Set([
  "error",
  "fatal",
  "warning",
  "note",
  "cause",
  "caused by",
  "exception",
  "socket",
  "oserror",
  "connect",
  "-",
  ".",
  "message",
  "kind",
]);

/** The paths that a line with a phrase about a file names. Empty when it names none. */
export function pathCandidates(line: string, found: Found): readonly Candidate[] {
  const errno = found.errno ?? "EACCES";
  const before = line.slice(0, found.at);
  const behind = line.slice(found.at + found.text.length);
  const words = wordsBehind(behind);
  const said = found.text.includes("docker daemon") ? "connect" : before;
  if (words.length > 0) return fromWords(words, `${said} ${withoutWords(behind, words)}`, errno);
  const quoted = quotedWords(before).slice(-2);
  const last = quoted.at(-1);
  // A path between the quotes and the phrase is nearer: `Exception in thread "main" … : /x (`.
  if (last !== undefined && !before.slice(last.to).includes("/"))
    return fromWords(operands(before, quoted), withoutWords(before, quoted), errno);
  return fromSegments(before, errno);
}

/** `: '/x'`, `: 'a' -> 'b'`, `, open '/x'`, `: /x`, ` /run/x.sock`, ` @ rb_sysopen - /x`. */
function wordsBehind(behind: string): readonly Word[] {
  const start = /^(?: \(os error \d+\))?(?::| @ [\w ]{1,40} -|, [a-z]+|(?= [/~.'"]| unix:\/\/))\s*/i.exec(behind);
  if (start === null) return [];
  const from = start[0].length;
  const quoted = quotedWords(behind).slice(0, 2);
  if (quoted[0] !== undefined && quoted[0].from === from) return quoted;
  const rest = behind.slice(from).replace(/^unix:\/\//, "");
  const plain = /^[~./][^\s"'`]{0,4096}/.exec(rest)?.[0];
  return plain === undefined ? [] : [{ text: trimWord(plain), from, to: behind.length, quoted: true }];
}

/** `cannot move 'a' to 'b'` has two; `Cannot open "x" in package "y"` as well, and asking about both does no harm. */
function operands(before: string, quoted: readonly Word[]): readonly Word[] {
  const [first, second] = quoted;
  if (first === undefined || second === undefined) return quoted;
  const between = before.slice(first.to, second.from).trim();
  return between === "to" || between === "->" || between === "to '" ? quoted : [second];
}

function fromWords(words: readonly Word[], around: string, errno: Errno): readonly Candidate[] {
  const lower = around.toLowerCase();
  const intent = intentOf(lower);
  const [first, second] = words;
  if (first === undefined) return [];
  if (second === undefined) return [candidate(first.text, intent, errno)];
  // Of a rename either name may be what was refused; of a link or a copy the second is the new one.
  const isLink = lower.includes("link") || lower.includes("cop");
  if (isLink && errno === "EROFS") return [candidate(second.text, "create", errno)];
  return [
    candidate(first.text, isLink ? "read" : "rename", errno),
    candidate(second.text, isLink ? "create" : "rename", errno),
  ];
}

/** `cat: /x`, `sh: 1: cannot create x`, `tar: x: Cannot open`, `open /x`, `FileNotFoundException: /x (`. */
function fromSegments(before: string, errno: Errno): readonly Candidate[] {
  const intent = intentOf(withoutSlashes(before).toLowerCase());
  const segments = trimEnd(before, " \t(:")
    .split(": ")
    .map((segment) => segment.trim());
  // The first names the program (`cat: x`), unless it is a sentence (`dial unix /x: connect`).
  const isProgram = segments.length > 1 && !sentence.test(segments[0] ?? "");
  for (const [back, segment] of segments
    .slice(isProgram ? 1 : 0)
    .toReversed()
    .entries()) {
    if (back > 2) break;
    const isOnly = segments.length === 1;
    const text = pathIn(segment, isOnly);
    if (text === null) continue;
    const isBare = !text.includes("/");
    const onlyExisting = isBare && (errno === "EPERM" || back > 0 || isOnly || segment !== text);
    const create = onlyExisting && (intent === "create" || errno === "EROFS");
    return (
      renamed(segment, intent, errno) ?? [{ kind: "path", text, intent, errno, onlyExisting: onlyExisting && !create }]
    );
  }
  return [];
}

function pathIn(segment: string, isOnly: boolean): string | null {
  if (segment === "" || noPath.has(segment.toLowerCase()) || /^(?:line )?\d+$/.test(segment) || segment.includes("://"))
    return null;
  const words = segment.split(/\s+/, 64);
  const last = trimWord(words.at(-1) ?? "");
  if (words.length === 1) return isOnly && !last.includes("/") ? null : acceptable(last);
  if (sentence.test(segment)) return acceptable(last);
  // A name with spaces, printed without quotes: shells do that.
  return segment.startsWith("/") || segment.startsWith("./") || segment.startsWith("~/") ? segment : acceptable(last);
}

/** `Cannot open: Permission denied` ends in a verb; what the file is stands one segment before. */
function acceptable(word: string): string | null {
  if (/^(?:~|\.{1,2})\/$/.test(word)) return word;
  if (!/[\p{L}\p{N}]/u.test(word) || /[()[\]{}]/.test(word)) return null;
  if (noPath.has(word.toLowerCase()) || sentence.test(word)) return null;
  return /^(?:errno|lock|connection|file|directory|access|execute|run|find|it|is|at|main|thread)$/i.test(word)
    ? null
    : word;
}

/** Go: `rename a b`. */
function renamed(segment: string, intent: Intent, errno: Errno): readonly Candidate[] | null {
  if (intent !== "rename") return null;
  const [verb, from, to, rest] = segment.split(" ", 4);
  if (verb !== "rename" || from === undefined || to === undefined || rest !== undefined) return null;
  return [candidate(from, "rename", errno), candidate(to, "rename", errno)];
}

function candidate(text: string, intent: Intent, errno: Errno): Candidate {
  return { kind: "path", text, intent, errno, onlyExisting: false };
}

function withoutWords(text: string, words: readonly Word[]): string {
  let result = "";
  let from = 0;
  for (const word of words) {
    result += text.slice(from, word.from);
    from = word.to;
  }
  return result + text.slice(from);
}

/** Paths out, so that `/srv/created` does not say "create". */
function withoutSlashes(text: string): string {
  return text
    .split(" ")
    .filter((word) => !word.includes("/") || word.startsWith("fork/exec"))
    .join(" ");
}
