import type { Candidate } from "./candidate.ts";
import { hostCandidate } from "./hosts.ts";
import { mostLines } from "./lines.ts";
import { pathCandidates } from "./paths.ts";
import { findPhrase, nextPhrase } from "./phrases.ts";
import type { Found } from "./phrases.ts";
import { pathWords, quotedWords, trimEnd } from "./words.ts";

/** A candidate and the line that names it; guessed ones are taken from the lines around. */
export interface Sighting {
  readonly candidate: Candidate;
  readonly line: string;
  readonly isGuess: boolean;
}

/** How many lines before an error without a name may name it: "failed to open /x", an empty line, "Caused by:". */
const reach = 3;

/** Lines looked through at once: most output says nothing. */
const block = 64;

/** Everything that lines of output say was refused, in order. */
export function sightings(lines: readonly string[]): readonly Sighting[] {
  const found: { readonly index: number; readonly phrase: Found }[] = [];
  for (let start = 0; start < lines.length; start += block) {
    const some = lines.slice(start, start + block);
    if (findPhrase(some.join("\n").toLowerCase()) === null) continue;
    for (const [offset, line] of some.entries()) {
      const phrase = findPhrase(line.toLowerCase());
      if (phrase !== null) found.push({ index: start + offset, phrase });
    }
  }
  const kept = found.length <= mostLines ? found : [...found.slice(0, mostLines / 2), ...found.slice(-mostLines / 2)];
  const telling = new Set(found.map(({ index }) => index));
  return kept.flatMap(({ index, phrase }) => {
    const line = lines[index] ?? "";
    const named = candidatesIn(line, phrase);
    if (named.length > 0) return named.map((candidate) => ({ candidate, line, isGuess: false }));
    return phrase.kind === "path" ? nearby(lines, index, phrase, telling) : [];
  });
}

function candidatesIn(line: string, phrase: Found): readonly Candidate[] {
  switch (phrase.kind) {
    case "host":
    case "name": {
      const socket = socketIn(line, phrase);
      return [socket ?? hostCandidate(line, line.toLowerCase(), phrase)];
    }
    case "path": {
      // `permission denied while trying to …: dial unix /x: connect: permission denied`: the last says it best.
      for (
        let each: Found | null = phrase, turn = 0;
        each !== null && turn < 4;
        each = nextPhrase(line.toLowerCase(), each), turn += 1
      ) {
        const named = pathOrCommand(line, each);
        if (named.length > 0) return named;
      }
      return [];
    }
    case "command": {
      const name = commandIn(line, phrase);
      if (name === null) return [];
      if (!name.includes("/")) return [{ kind: "command", name, errno: "ENOENT" }];
      return [{ kind: "path", text: name, intent: "exec", errno: "ENOENT", onlyExisting: false }];
    }
    case "variable": {
      const name = variableIn(line, phrase);
      return name === null ? [] : [{ kind: "variable", name }];
    }
  }
}

/** `dial unix /x.sock: connect: connection refused`, `connect ECONNREFUSED /x.sock`. */
function socketIn(line: string, { at, errno }: Found): Candidate | null {
  const match = /(?:dial unix |econnrefused |unix:\/\/)(\/[^\s:'"]{1,4096})/i.exec(line.slice(Math.max(0, at - 4096)));
  const text = match?.[1];
  return text === undefined || errno === null
    ? null
    : { kind: "path", text, intent: "socket", errno, onlyExisting: false };
}

/** `env: ‘x’: No such file`, `spawn x ENOENT` name a program, to be looked for where programs are. */
function pathOrCommand(line: string, phrase: Found): readonly Candidate[] {
  const before = line.slice(0, phrase.at).trimEnd();
  const program =
    /\bspawn(?:Sync)? ([^\s'"]{1,4096})$/.exec(before)?.[1] ??
    /^(?:\/usr\/bin\/)?env: [‘']([^’']{1,4096})[’']/.exec(before)?.[1];
  if (program === undefined) return pathCandidates(line, phrase);
  if (!program.includes("/")) return [{ kind: "command", name: program, errno: phrase.errno ?? "ENOENT" }];
  return [{ kind: "path", text: program, intent: "exec", errno: phrase.errno ?? "ENOENT", onlyExisting: false }];
}

/** `sh: 1: x: not found`, `bash: line 1: x: command not found`, `exec: "x": executable file not found`, `zsh: command not found: x`. */
function commandIn(line: string, { at, text }: Found): string | null {
  const before = trimEnd(line.slice(0, at), " \t:");
  const behind = /^: (\S{1,4096})/.exec(line.slice(at + text.length))?.[1];
  const name = behind ?? quotedWords(before).at(-1)?.text ?? before.slice(before.lastIndexOf(" ") + 1);
  return /^[\w@%+=:,./~-]+$/.test(name) && before.length + (behind?.length ?? 0) > name.length ? name : null;
}

function variableIn(line: string, { at, text }: Found): string | null {
  const name = text.startsWith("keyerror")
    ? line.slice(at + text.length).split("'", 1)[0]
    : trimEnd(line.slice(0, at), " \t:").split(/[\s:]/).at(-1);
  return name !== undefined && /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) ? name : null;
}

function nearby(
  lines: readonly string[],
  index: number,
  phrase: Found,
  telling: ReadonlySet<number>,
): readonly Sighting[] {
  for (let back = 1; back <= reach && !telling.has(index - back); back += 1) {
    const line = lines[index - back] ?? "";
    // Frames of a traceback name the program's own files.
    if (/^\s+(?:at |File ")/.test(line)) return [];
    const words = pathWords(line.slice(0, 400)).filter((word) => /^[~.]{0,2}\//.test(word));
    if (words.length === 0 || phrase.errno === null) continue;
    const { errno } = phrase;
    return words.map((text) => ({
      candidate: { kind: "path", text, intent: "unknown", errno, onlyExisting: false },
      line: `${line.trim()}: ${(lines[index] ?? "").trim()}`,
      isGuess: true,
    }));
  }
  return [];
}
