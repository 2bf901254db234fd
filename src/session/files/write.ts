import type { Authority } from "./authority.ts";
import { requireAllowed } from "./authority.ts";
import { mostBytes, sha256 } from "./bytes.ts";
import type { FileChange } from "./change/model.ts";
import { operationsOf } from "./change/target.ts";
import { diffOf } from "./patch/summary.ts";
import type { PatchPlan } from "./patch/plan.ts";
import { readFound } from "./read.ts";
import type { Asked } from "./read.ts";
import { tooLarge, translated } from "./refusal.ts";
import type { Seen } from "./seen.ts";
import { walk } from "./walk.ts";

/** Plans a file with these bytes, there already or not. Errors: as for `planPatch`. */
export function planWrite(authority: Authority, asked: Asked, bytes: Buffer, seen: Seen | null): PatchPlan {
  const { root, names, shown } = asked;
  if (bytes.length > mostBytes)
    throw tooLarge(`${bytes.length} bytes are to be written`, `at most ${mostBytes} at once`);
  const after = { bytes, sha256: sha256(bytes) };
  const found = walk(root, names, shown, false);
  try {
    const isNew = found.entry === null;
    const before = isNew ? null : after;
    requireAllowed(authority, operationsOf({ before, after }), found.path, shown);
    const read = isNew ? null : readFound(authority, asked, found);
    if (read !== null) seen?.requireSame(read, shown);
    const old = read === null ? null : { bytes: read.bytes, sha256: read.sha256 ?? sha256(read.bytes) };
    const change: FileChange = { asked, path: found.path, before: old, after, permissions: "usual" };
    const { diff, ...counts } = diffOf({ path: shown, from: null, before: old?.bytes ?? null, after: bytes });
    const summary = { path: shown, from: null, change: isNew ? ("add" as const) : ("update" as const) };
    return {
      changes: [change],
      files: [{ ...summary, ...counts, before: old?.sha256 ?? null, after: after.sha256 }],
      diff,
    };
  } catch (error) {
    throw translated(error, shown);
  } finally {
    found.close();
  }
}
