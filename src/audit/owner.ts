import {
  closeSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { isSessionId } from "./identifier.ts";
import { codeOf } from "../policy/index.ts";

/** A process, told apart from a later one with the same number. */
export interface Owner {
  readonly pid: number;
  /** Ticks since boot when it started; null where the system does not say. */
  readonly start: string | null;
  /** This boot and PID namespace: elsewhere the number means nothing. */
  readonly boot: string | null;
  readonly namespace: string | null;
}

/** `unknown` where nothing can be learnt about the process from here: it is then left alone. */
export type OwnerState = "alive" | "dead" | "unknown";

/** A session that has not ended, and the latest process that called it its own. */
export interface Claim {
  readonly id: string;
  /** 0 for who opened the session, one more for each takeover. */
  readonly generation: number;
  readonly owner: Owner | null;
}

export function thisProcess(): Owner {
  return { pid: process.pid, start: startTime(process.pid), boot: bootId(), namespace: pidNamespace() };
}

export function ownerState(owner: Owner): OwnerState {
  // Everything of an earlier boot is dead, whatever its namespace was.
  if (owner.boot !== null && owner.boot !== bootId()) return "dead";
  if (owner.namespace !== pidNamespace()) return "unknown";
  if (!isRunning(owner.pid)) return "dead";
  return owner.start === null || startTime(owner.pid) === owner.start ? "alive" : "dead";
}

/**
 * Says "this session is mine". Generation 0 belongs to who opens the session, under a new id that nobody else knows yet.
 * A later one is taken by linking a finished file to its name: of two processes that find the owner dead exactly one gets
 * it, the other is told false.
 */
export function claim(active: string, id: string, generation: number): boolean {
  const target = join(active, fileName(id, generation));
  if (generation === 0) {
    writeOwner(target);
    return true;
  }
  const draft = join(active, `.draft-${process.pid}-${id}-${generation}`);
  writeOwner(draft);
  try {
    linkSync(draft, target);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function writeOwner(path: string): void {
  const file = openSync(path, "wx", 0o600);
  try {
    writeSync(file, `${JSON.stringify(thisProcess())}\n`);
  } finally {
    closeSync(file);
  }
}

/** Takes one claim back. */
export function withdraw(active: string, id: string, generation: number): void {
  try {
    unlinkSync(join(active, fileName(id, generation)));
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** The session has ended: nobody owns it any more. */
export function release(active: string, id: string, generation: number): void {
  for (let each = 0; each <= generation; each += 1) withdraw(active, id, each);
}

/** Sessions without an end, each with its latest claim. */
export function claims(active: string): readonly Claim[] {
  const latest = new Map<string, number>();
  for (const name of listNames(active)) {
    const [id = "", generation = "0", rest] = name.split(".");
    if (!isSessionId(id) || rest !== undefined || !/^\d{1,6}$/.test(generation)) continue;
    latest.set(id, Math.max(latest.get(id) ?? 0, Number(generation)));
  }
  return [...latest].map(([id, generation]) => ({
    id,
    generation,
    owner: readOwner(join(active, fileName(id, generation))),
  }));
}

function fileName(id: string, generation: number): string {
  return generation === 0 ? id : `${id}.${generation}`;
}

function listNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

function readOwner(path: string): Owner | null {
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
  if (typeof data !== "object" || data === null || !("pid" in data) || !Number.isSafeInteger(data.pid)) return null;
  const word = (name: string): string | null => {
    const value: unknown = Reflect.get(data, name);
    return typeof value === "string" ? value : null;
  };
  return { pid: Number(data.pid), start: word("start"), boot: word("boot"), namespace: word("namespace") };
}

/** Whether a process of that number runs. One that has ended, and that nobody has waited for, has its number still. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  return statusOf(pid)[0] !== "Z";
}

/** Field 22 of `/proc/PID/stat`. */
function startTime(pid: number): string | null {
  return statusOf(pid)[19] ?? null;
}

/** The words behind the program's name, which may hold spaces and brackets; none where the system does not say. */
function statusOf(pid: number): readonly string[] {
  const stat = readSmall(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
}

function bootId(): string | null {
  return readSmall("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
}

function pidNamespace(): string | null {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return null;
  }
}

function readSmall(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return null;
  }
  try {
    const bytes = Buffer.alloc(1024);
    return bytes.toString("latin1", 0, readSync(file, bytes));
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}
