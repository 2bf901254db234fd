import { isWithin, knownNormal } from "../../../policy/index.ts";
import type { AbsolutePath, MaterialisedEntry, Places } from "../../../policy/index.ts";

export interface PrivateHomeChoice {
  readonly folder: AbsolutePath;
  readonly used: boolean;
  /** The host path behind a path in the private home; null for all others. */
  readonly behind: (path: AbsolutePath) => AbsolutePath | null;
}

/**
 * Where this workspace's home is kept. Its name holds the workspace and a digest of the mount points in the home:
 * runs that share a home have the same mount points, and each of them pins their parents (see `PrivateHome`).
 */
export function privateHomeFor(
  homes: AbsolutePath,
  places: Places,
  steps: readonly MaterialisedEntry[],
): PrivateHomeChoice {
  const { home } = places;
  const inside = steps.filter(
    (step) =>
      step.path !== home && isWithin(step.path, home) && (step.access !== "deny" || step.entry?.origin === "grant"),
  );
  const workspace = places.workspaceRoots[0] ?? places.cwd;
  const name = workspace === "/" ? "root" : encodeURIComponent(workspace.slice(1)).slice(0, LONGEST_NAME);
  const digest = fingerprint([workspace, ...inside.map((step) => step.path)].join("\0"));
  const folder = knownNormal(`${homes}/${name}-${digest}`);
  const step = steps.find(({ path }) => path === home);
  return {
    folder,
    used: step?.where === "private",
    behind: (path) => {
      if (step?.where !== "private" || !isWithin(path, home) || path === home) return null;
      if (inside.some((other) => isWithin(path, other.path))) return null;
      return knownNormal(`${folder}${path.slice(home.length)}`);
    },
  };
}

/** A file name holds 255 bytes; the digest and its dash need 17. */
const LONGEST_NAME = 200;

/** FNV-1a from two starts, 32 bits each: names a folder, protects nothing. */
function fingerprint(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  return [0x811c9dc5, 0x050c5d1f].map((start) => hash(bytes, start).toString(16).padStart(8, "0")).join("");
}

function hash(bytes: Uint8Array, start: number): number {
  let state = start;
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193);
  return state >>> 0;
}
