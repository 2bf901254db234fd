import { keepOwnFile, readOwnFile } from "../../own-file.ts";
import type { Probed } from "./probe.ts";

const NAME = "host-probe.json";
const LARGEST = 16 * 1024;

/** What the last probe found under the same `key`; null when there is none that can be trusted. */
export function readProbe(folder: string, key: string, uid: number): Probed | null {
  const text = readOwnFile(folder, NAME, uid, LARGEST);
  if (text === null) return null;
  try {
    const kept: unknown = JSON.parse(text);
    return isKept(kept) && kept.key === key ? kept.probed : null;
  } catch {
    return null;
  }
}

export function keepProbe(folder: string, key: string, uid: number, probed: Probed): void {
  keepOwnFile(folder, NAME, uid, JSON.stringify({ key, probed }));
}

function isKept(value: unknown): value is { key: string; probed: Probed } {
  return isRecord(value) && typeof value["key"] === "string" && isProbed(value["probed"]);
}

/** A probe that hung is never kept as an answer, so nothing is said of it here. */
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
