import { lstatSync, realpathSync } from "node:fs";
import { isWithin } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import { openDisk } from "../facts/index.ts";
import type { Disk, Found, Look } from "../facts/index.ts";
import { asQuestion, isSurely, starterAtHand } from "../launch/index.ts";

/** All that was asked of the disk, and what it said, as plain JSON. One look at a path answers all that needs one. */
export interface Answers {
  /** As the starter takes them, see `surely_says` there: a letter and a path, then what was said, each with a zero after it. */
  readonly asked: string;
  /** What cannot be put that way. */
  readonly others: readonly Answer[];
  /** The table of mounts, and what was asked of it alone. */
  readonly mounts: { readonly table: string; readonly said: readonly Answer[] } | null;
  /** What directories held, see `stampOf`. */
  readonly lists: readonly (readonly [path: AbsolutePath, stamp: string | null, said: string])[];
  /** Of all sockets of the machine those below what the program sees of the host; the rest come and go. */
  readonly sockets: { readonly places: readonly AbsolutePath[]; readonly found: readonly AbsolutePath[] };
}

type Question = Exclude<keyof Disk, "look" | "list" | "sockets">;

/** What is no text is kept as one. */
type Answer = readonly [question: Question, path: AbsolutePath, limit: number | null, said: string | null];

const aboutMounts: ReadonlySet<Question> = new Set<Question>(["covers", "aliases"]);

/** A capital stands for no answer. */
const letters: Partial<Record<Question, string>> = { canonical: "c", link: "l", text: "t", program: "p" };

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
            ...asWords(disk, looks, [...noted.values()]),
            lists: [...lists.values()],
            sockets: { places, found: below(places, sockets) },
          },
  };
}

/**
 * Whether the disk says today what it said then. `isSameTable` is asked before anything that the table of mounts alone
 * was asked for, which then needs no asking.
 */
export function saysTheSame(
  { asked, others, mounts, lists, sockets }: Answers,
  isSameTable: () => boolean = () => false,
): boolean {
  const disk = openDisk();
  const ofMounts = mounts === null || isSameTable() ? [] : mounts.said;
  return (
    textOf(below(sockets.places, openDisk().sockets())) === textOf(sockets.found) &&
    lists.every((list) => isListedAgain(disk, list)) &&
    [...others, ...ofMounts].every(
      ([question, path, limit, then]) => textOf(ask(disk, question, path, limit)) === then,
    ) &&
    areSaidAgain(disk, asked)
  );
}

function isListedAgain(disk: Disk, [path, stamp, then]: Answers["lists"][number]): boolean {
  const isStamped = stamp !== null && (isSurely(asQuestion("n", path, stamp)) || stampOf(path) === stamp);
  return isStamped || listText(disk.list(path)) === then;
}

/** What the starter is not sure of, or everything without it, is asked once more. */
function areSaidAgain(disk: Disk, asked: string): boolean {
  const unsure = starterAtHand()?.unsure(asked);
  if (unsure?.length === 0) return true;
  const words = asked.split("\0");
  return words.every((word, place) => {
    const isOpen = place % 2 === 0 && place + 1 < words.length && unsure?.includes(place / 2) !== false;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every second word is a letter and a path
    return !isOpen || isSaidAgain(disk, word.charAt(0), word.slice(1) as AbsolutePath, words[place + 1] ?? "");
  });
}

function isSaidAgain(disk: Disk, letter: string, path: AbsolutePath, then: string): boolean {
  switch (letter) {
    case "d":
      return standing(path)?.isDirectory() === true;
    case "o": {
      const stat = standing(path);
      return stat !== undefined && stat !== null && !stat.isDirectory() && !stat.isSymbolicLink();
    }
    case "m":
      return standing(path) === undefined;
    case "k":
      return lookText(disk.look(path)) === then;
    case "c":
    case "C":
      return leadsTo(disk, path, letter === "c" ? then : null);
    case "l":
    case "L":
      return disk.link(path) === (letter === "l" ? then : null);
    case "t":
    case "T":
      return disk.text(path) === (letter === "t" ? then : null);
    case "p":
      return disk.program(path) === then;
    default:
      return false;
  }
}

function below(places: readonly AbsolutePath[], paths: readonly AbsolutePath[]): readonly AbsolutePath[] {
  return paths.filter((path) => places.some((place) => isWithin(path, place)));
}

function asWords(
  disk: ReturnType<typeof openDisk>,
  looks: ReadonlyMap<AbsolutePath, Look>,
  noted: readonly Answer[],
): Pick<Answers, "asked" | "others" | "mounts"> {
  const asked: string[] = [];
  const put = (...words: Parameters<typeof asQuestion>): void => void asked.push(asQuestion(...words));
  const gone = new Set<AbsolutePath>();
  for (const [path, found] of disk.known) if (found?.path === path && found.is === "missing") gone.add(path);
  for (const path of gone) if (!isBelow(path, gone)) put("m", path);
  for (const [path, found] of disk.known) {
    if (found === null) put("C", path);
    else if (found.path !== path) put("c", path, found.path);
    else if (found.is !== "missing" && !tells(looks.get(path), found.is)) put(found.is === "other" ? "o" : "d", path);
  }
  for (const [path, look] of looks) {
    const isKnown = look.kind === "missing" && (gone.has(path) || isBelow(path, gone));
    if (!isKnown) put("k", path, lookText(look));
  }
  const others: Answer[] = [];
  for (const answer of noted) {
    const [question, path, limit, said] = answer;
    const letter = letters[question];
    if (letter === undefined || limit !== null || said?.includes("\0") === true) others.push(answer);
    else put(said === null ? letter.toUpperCase() : letter, path, said ?? "");
  }
  const said = others.filter(([question]) => aboutMounts.has(question));
  return {
    asked: asked.join(""),
    others: others.filter(([question]) => !aboutMounts.has(question)),
    mounts: said.length === 0 ? null : { table: disk.mountTable(), said },
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
