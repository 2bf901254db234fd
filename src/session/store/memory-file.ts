import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { SessionError } from "../error.ts";
import type { MemoryStore } from "../methods/memory.ts";
import { codeOf } from "../../policy/index.ts";

/** Of one workspace, as JSON. */
const LARGEST = 16 * 1024 * 1024;

/** Kept for as long as the session. */
export function passingMemory(): MemoryStore {
  const values = new Map<string, string>();
  let size = 0;
  const sizeOf = (key: string): number => (values.has(key) ? key.length + (values.get(key)?.length ?? 0) : 0);
  return {
    get: (key) => values.get(key),
    set: (key, text) => {
      const after = size - sizeOf(key) + key.length + text.length;
      if (after > LARGEST) throw full();
      size = after;
      values.set(key, text);
    },
    delete: (key) => {
      size -= sizeOf(key);
      return values.delete(key);
    },
    keys: () => [...values.keys()],
  };
}

/**
 * What sessions of one workspace remember, in one file of the tool's own state. It is read anew each time: two sessions
 * may share it, and the later word stands. `folder` is the tool's state.
 */
export function memoryOf(folder: string, workspace: string): MemoryStore {
  const name = createHash("sha256").update(workspace).digest("hex").slice(0, 32);
  const place = join(folder, "memory");
  const path = join(place, `${name}.json`);
  const change = <T>(act: (values: Map<string, string>) => T): T => {
    const values = read(path);
    const result = act(values);
    replace(place, path, JSON.stringify({ workspace, values: [...values] }));
    return result;
  };
  return {
    get: (key) => read(path).get(key),
    set: (key, text) => {
      change((values) => values.set(key, text));
    },
    delete: (key) => read(path).has(key) && change((values) => values.delete(key)),
    keys: () => [...read(path).keys()],
  };
}

function read(path: string): Map<string, string> {
  let text: string;
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      text = readFileSync(file, "utf8");
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT") return new Map();
    throw new SessionError("failed", "what is remembered cannot be read", { cause: error });
  }
  try {
    const kept: unknown = JSON.parse(text);
    const values: unknown = typeof kept === "object" && kept !== null && "values" in kept ? kept.values : null;
    if (Array.isArray(values) && values.every(isPair)) return new Map(values);
  } catch {
    // as for what is no map
  }
  throw new SessionError("failed", "what is remembered is damaged");
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((each) => typeof each === "string");
}

function full(): SessionError {
  return new SessionError("too_large", `${LARGEST} bytes is all a workspace may remember`, {
    rule: `${LARGEST} bytes a workspace`,
  });
}

/** The old text or the new one, whatever happens. */
function replace(folder: string, path: string, text: string): void {
  if (text.length > LARGEST) throw full();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  const file = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
    renameSync(draft, path);
  } catch (error) {
    unlinkSync(draft);
    throw error;
  } finally {
    closeSync(file);
  }
}
