import { lstatSync } from "node:fs";
import type { AbsolutePath } from "../../../policy/index.ts";
import { openDisk } from "../facts/index.ts";
import type { Disk, KnownNames } from "../facts/index.ts";

/** All that was asked of the disk, and what it said, as plain JSON. */
export interface Answers {
  /** Every name on the way to a canonical path, by what stood there: one look at each says whether all still hold. */
  readonly directories: readonly AbsolutePath[];
  readonly others: readonly AbsolutePath[];
  readonly missing: readonly AbsolutePath[];
  readonly said: readonly Answer[];
}

type Question = keyof Disk;

/** What is no text is kept as JSON. */
type Answer = readonly [question: Question, path: AbsolutePath, limit: number | null, said: string | null];

/** More than a plan ever asks; beyond, asking again would cost what it saves. */
const MOST = 2_000;

/** The real disk, which notes down what it is asked. `answers` is null when that was too much to be worth keeping. */
export function notingDisk(): { readonly disk: Disk; readonly answers: () => Answers | null } {
  const disk = openDisk();
  const noted = new Map<string, Answer>();
  const note = <T>(question: Question, path: string, limit: number | null, said: T): T => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every caller below has an absolute path or "/"
    noted.set(`${question} ${limit ?? ""} ${path}`, [question, path as AbsolutePath, limit, textOf(said)]);
    return said;
  };
  return {
    disk: {
      canonical: disk.canonical,
      look: (path) => note("look", path, null, disk.look(path)),
      list: (path) => note("list", path, null, disk.list(path)),
      link: (path) => note("link", path, null, disk.link(path)),
      text: (path, limit) => note("text", path, limit ?? null, disk.text(path, limit)),
      program: (path) => note("program", path, null, disk.program(path)),
      sockets: () => note("sockets", "/", null, disk.sockets()),
    },
    answers: () => (noted.size + disk.known.size > MOST ? null : sorted(disk.known, [...noted.values()])),
  };
}

/** Whether the disk says today what it said then. */
export function saysTheSame({ directories, others, missing, said }: Answers): boolean {
  const disk = openDisk();
  return (
    directories.every((path) => standing(path)?.isDirectory() === true) &&
    others.every((path) => {
      const stat = standing(path);
      return stat !== undefined && stat !== null && !stat.isDirectory() && !stat.isSymbolicLink();
    }) &&
    missing.every((path) => standing(path) === undefined) &&
    said.every(([question, path, limit, then]) => textOf(ask(disk, question, path, limit)) === then)
  );
}

function sorted(known: KnownNames, noted: readonly Answer[]): Answers {
  const by = { directory: [] as AbsolutePath[], other: [] as AbsolutePath[], missing: [] as AbsolutePath[] };
  const said: Answer[] = [...noted];
  for (const [path, found] of known) {
    // Below what is missing everything is; through a symlink the whole way counts.
    if (found !== null && found.path === path) by[found.is].push(path);
    else said.push(["canonical", path, null, found?.path ?? null]);
  }
  const gone = new Set(by.missing);
  const isBelowGone = (path: string): boolean => gone.has(parentOf(path));
  return {
    directories: by.directory,
    others: by.other,
    missing: by.missing.filter((path) => !isBelowGone(path)),
    said,
  };
}

function parentOf(path: string): AbsolutePath {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a prefix of an absolute path, compared only
  return path.slice(0, path.lastIndexOf("/")) as AbsolutePath;
}

/** Undefined for what is missing; null for what cannot be looked at. */
function standing(path: AbsolutePath): ReturnType<typeof lstatSync> | undefined | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return null;
  }
}

function ask(disk: Disk, question: Question, path: AbsolutePath, limit: number | null): unknown {
  return question === "text" ? disk.text(path, limit ?? undefined) : disk[question](path);
}

function textOf(said: unknown): string | null {
  if (said === null || typeof said === "string") return said;
  return JSON.stringify(said instanceof Map ? [...said] : said);
}
