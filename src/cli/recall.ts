import { statSync } from "node:fs";
import { hostname, totalmem, userInfo } from "node:os";
import { readConfigFile } from "../config/index.ts";
import { version } from "../generated/version.ts";
import type { JournalEvent } from "../policy/index.ts";
import type { FileAnswer } from "../reload/index.ts";
import { keepOwnFile, readOwnFile, recall, toolFolders } from "../sandbox/index.ts";
import type { KeptLaunch } from "../sandbox/index.ts";
import type { AskedRun, DecidedRun } from "./decided.ts";
import type { RunOption } from "./run-options.ts";

/** What a run came to, kept for the next one that asks the same. */
export interface KeptRun {
  readonly files: readonly FileAnswer[];
  readonly time: KeptTime;
  /** For the journal: exceptions in use. */
  readonly events: readonly JournalEvent[];
  /** The name of the account, where an exception is in use that may be somebody's alone. */
  readonly account: string | null;
  readonly launch: KeptLaunch;
}

/** When it holds: from its decision on, until something in the requirements begins or ends; null for always. */
export interface KeptTime {
  readonly decided: number;
  readonly until: number | null;
}

/** These many different runs are kept; another one takes the place of one of them. */
const SLOTS = 64;
const LARGEST = 2 * 1024 * 1024;

/** Values that are typed may be secrets, which are not kept; a token is good once; and who wants to see how it is decided has it decided. */
const neverKept: ReadonlySet<RunOption> = new Set<RunOption>([
  "env",
  "override",
  "verbose",
  "dry-run",
  "grant",
  "grant-file",
]);

/** The run as it was decided before, if the same was asked then and everything it rests on still is what it was. */
export function recallRun(asked: AskedRun): DecidedRun | null {
  const kept = asked.question === null ? null : readKept(asked, asked.question);
  if (kept === null || !isInTime(kept.time) || !kept.files.every(saysTheSame)) return null;
  if (kept.account !== null && kept.account !== accountName()) return null;
  const { surroundings, program, session } = asked;
  const launchable = recall(kept.launch, {
    environment: surroundings.environment,
    arguments: program.arguments,
    session,
    known: async () => (await (await import("./decide.ts")).decideRun(asked)).launchable.known(),
  });
  return {
    launchable,
    equipment: null,
    warnings: [],
    dropped: [],
    events: kept.events,
    files: kept.files,
    decided: kept.time.decided,
    from: async () => (await import("./decide.ts")).recalledFrom(asked, kept.files, kept.time.decided),
    tools: null,
    remember: () => {},
  };
}

export function rememberRun(asked: AskedRun, kept: KeptRun): void {
  const { question } = asked;
  if (question === null) return;
  const { folder, name, uid } = placeOf(asked, question);
  const text = JSON.stringify({ question, kept });
  if (text.length <= LARGEST) keepOwnFile(folder, name, uid, text);
}

function readKept(asked: AskedRun, question: string): KeptRun | null {
  const { folder, name, uid } = placeOf(asked, question);
  const text = readOwnFile(folder, name, uid, LARGEST);
  // The question comes first and says which build of the tool wrote the rest.
  if (text?.startsWith(`{"question":${JSON.stringify(question)},`) !== true) return null;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by this very build, in a folder of its own
    return (JSON.parse(text) as { kept: KeptRun }).kept;
  } catch {
    return null;
  }
}

/** A clock that was set back says nothing. */
function isInTime({ decided, until }: KeptTime): boolean {
  const now = Date.now();
  return decided <= now && (until === null || now < until);
}

/** As the account database has it; null without an entry, for whom no exception is. */
export function accountName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}

function saysTheSame([path, trust, text]: FileAnswer): boolean {
  try {
    return readConfigFile(path, trust) === text;
  } catch {
    return false; // whoever decides afresh says what is wrong with it
  }
}

/** Everything a decision rests on besides what files say; null for a run that is always decided afresh. */
export function questionOf({ parsed, surroundings, program }: Omit<AskedRun, "question">): string | null {
  if (parsed.given.some(({ id }) => neverKept.has(id))) return null;
  const { environment, cwd, home, workspace } = surroundings;
  const { dev, ino, mtimeMs } = statSync(import.meta.filename);
  return JSON.stringify([
    [version, dev, ino, mtimeMs],
    [process.geteuid?.(), process.getegid?.(), process.getgroups?.()],
    // Requirements may name hosts.
    [hostname(), process.constrainedMemory(), totalmem()],
    [cwd, home, workspace],
    parsed.given,
    [program.program, program.script],
    [...environment.keys()],
    digest([...environment.values()].join("\0")),
  ]);
}

function placeOf({ surroundings }: AskedRun, question: string) {
  const slot = Number.parseInt(digest(question).slice(0, 8), 16) % SLOTS;
  return {
    folder: toolFolders(surroundings.environment).cache,
    name: `recall-${slot}.json`,
    uid: process.geteuid?.() ?? 0,
  };
}

/**
 * 64 bits that tell texts apart, hex: two runs of Fowler, Noll and Vo's hash. It is no defence against somebody who
 * chooses the text: that is the person whose environment it is. A cryptographic one takes milliseconds to load.
 */
function digest(text: string): string {
  let one = 0x811c9dc5;
  let other = 0xc9dc5118;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    one = Math.imul(one ^ code, 0x01000193);
    other = Math.imul(other ^ code, 0x85ebca6b);
    other ^= other >>> 13;
  }
  return [one, other].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
