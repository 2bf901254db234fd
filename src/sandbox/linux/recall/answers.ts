import { lstatSync, realpathSync } from "node:fs";
import { isWithin } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import { openDisk } from "../facts/index.ts";
import type { Disk, Found, KnownNames, Look } from "../facts/index.ts";

/** All that was asked of the disk, and what it said, as plain JSON. One look at a path answers all that needs one. */
export interface Answers {
  /** Names on the way to a canonical path, by what stood there, as far as `looks` does not tell. */
  readonly directories: readonly AbsolutePath[];
  readonly others: readonly AbsolutePath[];
  readonly missing: readonly AbsolutePath[];
  readonly looks: readonly (readonly [path: AbsolutePath, said: string])[];
  readonly said: readonly Answer[];
  /** What directories held, see `stampOf`. */
  readonly lists: readonly (readonly [path: AbsolutePath, stamp: string | null, said: string])[];
  /** Of all sockets of the machine those below what the program sees of the host; the rest come and go. */
  readonly sockets: { readonly places: readonly AbsolutePath[]; readonly found: readonly AbsolutePath[] };
}

type Question = Exclude<keyof Disk, "look" | "list" | "sockets">;

/** What is no text is kept as one. */
type Answer = readonly [question: Question, path: AbsolutePath, limit: number | null, said: string | null];

/** More than a plan ever asks; beyond, asking again would cost what it saves. */
const MOST = 2_000;

/**
 * The real disk, which notes down what it is asked. `answers` takes what the program sees of the host, and is null when
 * there was too much to be worth keeping.
 */
export function notingDisk(): {
  readonly disk: Disk;
  readonly answers: (places: readonly AbsolutePath[]) => Answers | null;
} {
  const disk = openDisk();
  const noted = new Map<string, Answer>();
  const looks = new Map<AbsolutePath, Look>();
  const lists = new Map<AbsolutePath, Answers["lists"][number]>();
  let sockets: readonly AbsolutePath[] = [];
  const note = <T>(question: Question, path: string, limit: number | null, said: T): T => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every caller below has an absolute path or "/"
    noted.set(`${question} ${limit ?? ""} ${path}`, [question, path as AbsolutePath, limit, textOf(said)]);
    return said;
  };
  return {
    disk: {
      canonical: disk.canonical,
      look: (path) => {
        const look = disk.look(path);
        looks.set(path, look);
        return look;
      },
      list: (path) => {
        // First: what changes from here on changes it.
        const stamp = stampOf(path);
        const list = disk.list(path);
        // Nothing is also what is found where something failed.
        lists.set(path, [path, list.size === 0 ? null : stamp, listText(list)]);
        return list;
      },
      link: (path) => note("link", path, null, disk.link(path)),
      text: (path, limit) => note("text", path, limit ?? null, disk.text(path, limit)),
      program: (path) => note("program", path, null, disk.program(path)),
      covers: (path) => note("covers", path, null, disk.covers(path)),
      aliases: (path) => note("aliases", path, null, disk.aliases(path)),
      // By a disk of its own: the names of sockets that nobody sees are no answers.
      sockets: () => (sockets = openDisk().sockets()),
    },
    answers: (places) =>
      noted.size + looks.size + lists.size + disk.known.size > MOST
        ? null
        : {
            ...sorted(disk.known, looks, [...noted.values()]),
            lists: [...lists.values()],
            sockets: { places, found: below(places, sockets) },
          },
  };
}

/** Whether the disk says today what it said then. */
export function saysTheSame({ directories, others, missing, looks, lists, said, sockets }: Answers): boolean {
  const disk = openDisk();
  return (
    directories.every((path) => standing(path)?.isDirectory() === true) &&
    others.every((path) => {
      const stat = standing(path);
      return stat !== undefined && stat !== null && !stat.isDirectory() && !stat.isSymbolicLink();
    }) &&
    missing.every((path) => standing(path) === undefined) &&
    textOf(below(sockets.places, openDisk().sockets())) === textOf(sockets.found) &&
    looks.every(([path, then]) => lookText(disk.look(path)) === then) &&
    lists.every(
      ([path, stamp, then]) => (stamp !== null && stampOf(path) === stamp) || listText(disk.list(path)) === then,
    ) &&
    said.every(([question, path, limit, then]) =>
      question === "canonical" ? leadsTo(disk, path, then) : textOf(ask(disk, question, path, limit)) === then,
    )
  );
}

function below(places: readonly AbsolutePath[], paths: readonly AbsolutePath[]): readonly AbsolutePath[] {
  return paths.filter((path) => places.some((place) => isWithin(path, place)));
}

function sorted(
  known: KnownNames,
  looks: ReadonlyMap<AbsolutePath, Look>,
  noted: readonly Answer[],
): Omit<Answers, "lists" | "sockets"> {
  const by = { directory: [] as AbsolutePath[], other: [] as AbsolutePath[], missing: [] as AbsolutePath[] };
  const said: Answer[] = [...noted];
  for (const [path, found] of known) {
    if (found === null || found.path !== path) said.push(["canonical", path, null, found?.path ?? null]);
    else if (!tells(looks.get(path), found.is)) by[found.is].push(path);
  }
  const gone = new Set(by.missing);
  return {
    directories: by.directory,
    others: by.other,
    missing: by.missing.filter((path) => !isBelow(path, gone)),
    looks: [...looks].flatMap(([path, look]) =>
      look.kind === "missing" && (gone.has(path) || isBelow(path, gone)) ? [] : [[path, lookText(look)] as const],
    ),
    said,
  };
}

/** Not of what is missing: a look takes for it what cannot be looked at, too. */
function tells(look: Look | undefined, is: Found["is"]): boolean {
  if (look === undefined || is === "missing" || look.kind === "missing" || look.kind === "symlink") return false;
  return (look.kind === "directory") === (is === "directory");
}

/** Below what is missing everything is. */
function isBelow(path: AbsolutePath, gone: ReadonlySet<AbsolutePath>): boolean {
  for (let at = parentOf(path); at !== ""; at = parentOf(at)) if (gone.has(at)) return true;
  return false;
}

/** Through a symlink the whole way counts. */
function leadsTo(disk: Disk, path: AbsolutePath, then: string | null): boolean {
  try {
    // A name that is no text reads as one with this character in it.
    if (then?.includes("\uFFFD") === false && realpathSync.native(path) === then) return true;
  } catch {
    // it leads nowhere, as perhaps it did
  }
  return disk.canonical(path) === then;
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

function lookText({ kind, identity, uid, gid, mode, changed }: Look): string {
  return identity === null ? kind : `${kind} ${identity.dev} ${identity.ino} ${uid} ${gid} ${mode} ${changed}`;
}

function textOf(said: unknown): string | null {
  return said === null || typeof said === "string" ? said : JSON.stringify(said);
}

function listText(list: ReadonlyMap<string, unknown>): string {
  return JSON.stringify([...list]);
}

/** Milliseconds after which a change of a directory has another time than the one before; some file systems count seconds. */
const SETTLED_MS = 3_000;

/**
 * Another one when a name in the directory has come, gone, or stands for something else: the kernel keeps the time of
 * that, and nobody can set it back. Null where only a listing tells: file systems of no block device may keep no such
 * time, and a directory that changed just now may change again within it.
 */
function stampOf(path: AbsolutePath): string | null {
  try {
    const stat = lstatSync(path, { bigint: true });
    const { dev, ino, ctimeMs, ctimeNs } = stat;
    const isOnDevice = ((dev >> 8n) & 0xfffn) !== 0n;
    const isSettled = Number(ctimeMs) < Date.now() - SETTLED_MS;
    return stat.isDirectory() && isOnDevice && isSettled ? `${dev} ${ino} ${ctimeNs}` : null;
  } catch {
    return null;
  }
}
