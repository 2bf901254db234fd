import type { Authority } from "../authority.ts";
import { requireAllowed } from "../authority.ts";
import { hasTooManyLines, mostBytes, mostLines, sha256, textOf } from "../bytes.ts";
import type { Content, FileChange, Permissions } from "../change/model.ts";
import { operationsOf } from "../change/target.ts";
import { readFound } from "../read.ts";
import type { Asked } from "../read.ts";
import { conflict, invalid, missing, tooLarge, translated, unsupported } from "../refusal.ts";
import type { Seen } from "../seen.ts";
import { walk } from "../walk.ts";
import type { FilePatch } from "./model.ts";
import { applyHunks } from "./place.ts";
import { diffOf } from "./summary.ts";
import type { ChangeSummary } from "./summary.ts";

/** What a patch comes to, with nothing done yet. Holds bytes and hashes, no descriptors: it may wait for an answer. */
export interface PatchPlan {
  readonly changes: readonly FileChange[];
  readonly files: readonly ChangeSummary[];
  /** Unified, of all files, for whoever is to approve it. */
  readonly diff: string;
}

/** Where the names of a patch are. Errors: those of a path that means nothing. */
export type Locate = (path: string) => Asked;

/** All texts of one patch together, old and new. */
const MOST_HELD = 4 * mostBytes;

/**
 * Reads every file of the patch, refuses what may not be done, and works out what each would hold.
 * Errors: `conflict`, `not_found`, `unsupported`, `too_large`, `invalid_params`, and those of the policy.
 */
export function planPatch(
  authority: Authority,
  patches: readonly FilePatch[],
  { locate, seen }: { readonly locate: Locate; readonly seen: Seen | null },
): PatchPlan {
  const changes: FileChange[] = [];
  const files: ChangeSummary[] = [];
  const diffs: string[] = [];
  let held = 0;
  for (const patch of patches) {
    const planned = planFile(authority, patch, locate(patch.path), seen);
    const target = patch.moveTo === null ? null : locate(patch.moveTo);
    const isMoved = target !== null && target.names.join("/") !== planned.asked.names.join("/");
    const moved = isMoved ? moveOf(authority, planned, target) : [planned];
    changes.push(...moved);
    const last = moved.at(-1) ?? planned;
    const shape = { path: last.asked.shown, from: isMoved ? planned.asked.shown : null };
    const { before, after } = planned;
    const { diff, ...counts } = diffOf({ ...shape, before: before?.bytes ?? null, after: after?.bytes ?? null });
    diffs.push(isMoved && diff.indexOf("@@") === -1 ? `rename from ${shape.from}\nrename to ${shape.path}\n` : diff);
    const change = isMoved ? "move" : patch.change;
    files.push({ ...shape, change, ...counts, before: before?.sha256 ?? null, after: after?.sha256 ?? null });
    held += (before?.bytes.length ?? 0) + (after?.bytes.length ?? 0);
    if (held > MOST_HELD) throw tooLarge("the files of the patch are too large together", "apply it in parts");
  }
  requireDistinct(changes);
  return { changes, files, diff: diffs.join("") };
}

function planFile(authority: Authority, patch: FilePatch, asked: Asked, seen: Seen | null): FileChange {
  const { root, names, shown } = asked;
  const found = walk(root, names, shown, false);
  try {
    const isNew = patch.change === "add";
    const change = { before: isNew ? null : nothing, after: patch.change === "delete" ? null : nothing };
    requireAllowed(authority, operationsOf(change), found.path, shown);
    const plan = { asked, path: found.path };
    if (isNew) {
      if (found.entry !== null) throw conflict(shown, "exists already", "update it instead");
      return {
        ...plan,
        before: null,
        after: contentOf(patch.content ?? "", shown),
        permissions: patch.isExecutable ? "executable" : "usual",
      };
    }
    if (found.entry === null) throw missing(shown);
    const read = readFound(authority, asked, found);
    seen?.requireSame(read, shown);
    const before = { bytes: read.bytes, sha256: read.sha256 ?? sha256(read.bytes) };
    if (patch.change === "delete" && patch.hunks.length === 0)
      return { ...plan, before, after: null, permissions: "usual" };
    const text = patch.hunks.length === 0 ? null : textOf(read.bytes);
    if (text !== null && hasTooManyLines(read.bytes))
      throw tooLarge(`${JSON.stringify(shown)} has more than ${mostLines} lines`, "write the file instead");
    if (patch.hunks.length > 0 && text === null) throw unsupported(shown, "is not UTF-8 text and cannot be patched");
    const result = text === null ? null : applyHunks(text, patch.hunks, shown);
    if (patch.change === "delete") {
      if (result !== "") throw conflict(shown, "holds more than the patch removes");
      return { ...plan, before, after: null, permissions: "usual" };
    }
    return { ...plan, before, after: result === null ? before : contentOf(result, shown), permissions: "usual" };
  } catch (error) {
    throw translated(error, shown);
  } finally {
    found.close();
  }
}

const nothing: Content = { bytes: Buffer.alloc(0), sha256: "" };

/** A file that is moved is made anew under its new name, with the old one's mode, and removed under its old. */
function moveOf(
  authority: Authority,
  { asked, path, before, after }: FileChange,
  target: Asked,
): readonly FileChange[] {
  const { root, names, shown } = target;
  const permissions = permissionsOf(asked);
  const found = walk(root, names, shown, false);
  try {
    requireAllowed(authority, operationsOf({ before: null, after }), found.path, shown);
    requireAllowed(authority, operationsOf({ before, after: null }), path, asked.shown);
    if (found.entry !== null) throw conflict(shown, "exists already", "a file is moved to a name that is free");
    return [
      { asked, path, before, after: null, permissions: "usual" },
      { asked: target, path: found.path, before: null, after, permissions },
    ];
  } finally {
    found.close();
  }
}

function permissionsOf({ root, names, shown }: Asked): Permissions {
  const found = walk(root, names, shown, false);
  found.close();
  return found.entry === null ? "usual" : Number(found.entry.stats.mode) & 0o777;
}

function contentOf(text: string, shown: string): Content {
  const bytes = Buffer.from(text);
  if (bytes.length > mostBytes)
    throw tooLarge(`${JSON.stringify(shown)} would have ${bytes.length} bytes`, `at most ${mostBytes}`);
  return { bytes, sha256: sha256(bytes) };
}

/** A file that comes up twice would be changed from what it no longer is. */
function requireDistinct(changes: readonly FileChange[]): void {
  const paths = new Set<string>();
  for (const { path, asked } of changes) {
    if (paths.has(path))
      throw invalid(`${JSON.stringify(asked.shown)} comes up twice in the patch`, "put its changes together");
    paths.add(path);
  }
}
