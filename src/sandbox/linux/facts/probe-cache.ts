import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { Probed } from "./probe.ts";

const NAME = "host-probe.json";
const LARGEST = 16 * 1024;
const OTHERS = 0o077;

/**
 * What the last probe found under the same `key`. Null when there is none, when it cannot be read as one, or when
 * anybody but the user could have written it.
 */
export function readProbe(folder: string, key: string, uid: number): Probed | null {
  if (!ownFolder(folder, uid)) return null;
  let descriptor;
  try {
    descriptor = openSync(`${folder}/${NAME}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.uid !== uid || (stat.mode & OTHERS) !== 0 || stat.nlink !== 1 || stat.size > LARGEST)
      return null;
    const kept: unknown = JSON.parse(readFileSync(descriptor, "utf8"));
    return isKept(kept) && kept.key === key ? kept.probed : null;
  } catch {
    return null;
  } finally {
    closeSync(descriptor);
  }
}

/** Keeps it for the next run, where the launch has made the folder; not keeping it costs time, never the run. */
export function keepProbe(folder: string, key: string, uid: number, probed: Probed): void {
  const draft = `${folder}/${NAME}.${process.pid}`;
  try {
    if (!ownFolder(folder, uid)) return;
    const descriptor = openSync(
      draft,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      writeSync(descriptor, JSON.stringify({ key, probed }));
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, `${folder}/${NAME}`);
  } catch {
    try {
      unlinkSync(draft);
    } catch {
      // it was never made
    }
  }
}

function ownFolder(folder: string, uid: number): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return stat !== undefined && stat.isDirectory() && stat.uid === uid && (stat.mode & 0o022) === 0;
}

function isKept(value: unknown): value is { key: string; probed: Probed } {
  return isRecord(value) && typeof value["key"] === "string" && isProbed(value["probed"]);
}

function isProbed(value: unknown): value is Probed {
  if (!isRecord(value)) return false;
  const { userNamespaces, freshProc, landlockAbi, landlockFrom, version } = value as Record<keyof Probed, unknown>; // each is looked at below
  const refusal =
    isRecord(userNamespaces) &&
    typeof userNamespaces["refusedBy"] === "string" &&
    typeof userNamespaces["setting"] === "string";
  return (
    (userNamespaces === "ok" || refusal) &&
    typeof freshProc === "boolean" &&
    Number.isSafeInteger(landlockAbi) &&
    (landlockFrom === "kernel" || landlockFrom === "release") &&
    (version === null || typeof version === "string")
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
