import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { absolutePath, isWithin } from "../../../src/policy/index.ts";
import type { AbsolutePath, Decision, Query } from "../../../src/policy/index.ts";
import { applyChanges } from "../../../src/session/files/change/apply.ts";
import type { Authority } from "../../../src/session/files/authority.ts";
import { parsePatch } from "../../../src/session/files/patch/parse.ts";
import { planPatch } from "../../../src/session/files/patch/plan.ts";
import type { PatchPlan } from "../../../src/session/files/patch/plan.ts";
import { readFile } from "../../../src/session/files/read.ts";
import type { Asked } from "../../../src/session/files/read.ts";
import { openRoot } from "../../../src/session/files/root.ts";
import type { FileRoot } from "../../../src/session/files/root.ts";
import type { Seen } from "../../../src/session/files/seen.ts";
import { split } from "../../../src/session/files/walk.ts";
import { planWrite } from "../../../src/session/files/write.ts";
import { SessionError } from "../../../src/session/index.ts";

/** A workspace on the disk, held as a session holds it, beside a place outside of it. */
export interface Stage {
  readonly ws: AbsolutePath;
  readonly outside: AbsolutePath;
  readonly root: FileRoot;
  readonly put: (path: string, text?: string) => void;
  readonly text: (path: string) => string | null;
  /** Names in a directory, sorted. */
  readonly names: (path?: string) => readonly string[];
  readonly asked: (path: string) => Asked;
  readonly read: (path: string, authority?: Authority) => string;
  readonly write: (path: string, text: string, options?: Options) => void;
  readonly plan: (patch: string, options?: Options & { readonly path?: string }) => PatchPlan;
  readonly patch: (patch: string, options?: Options & { readonly path?: string }) => PatchPlan;
  readonly close: () => void;
}

interface Options {
  readonly authority?: Authority;
  readonly seen?: Seen | null;
}

export function openStage(): Stage {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "session-files-")));
  const [ws, outside] = [absolutePath(`${folder}/ws`), absolutePath(`${folder}/outside`)];
  mkdirSync(ws);
  mkdirSync(outside);
  const root = openRoot(ws);
  const everything = authorityOver();
  const at = (path: string): string => (path.startsWith("/") ? path : join(ws, path));
  const asked = (path: string): Asked => ({ root, names: split(path), shown: path });
  const plan: Stage["plan"] = (patch, { authority = everything, seen = null, path } = {}) =>
    planPatch(authority, parsePatch(patch, path ?? null), { locate: asked, seen });
  return {
    ws,
    outside,
    root,
    put(path, text = `text of ${path}\n`) {
      mkdirSync(dirname(at(path)), { recursive: true });
      writeFileSync(at(path), text);
    },
    text: (path) => (existsSync(at(path)) && statSync(at(path)).isFile() ? readFileSync(at(path), "utf8") : null),
    names: (path = "") => readdirSync(at(path)).toSorted(),
    asked,
    read: (path, authority = everything) => readFile(authority, asked(path)).bytes.toString(),
    write(path, text, { authority = everything, seen = null } = {}) {
      applyChanges(authority, planWrite(authority, asked(path), Buffer.from(text), seen).changes);
    },
    plan,
    patch(patch, options = {}) {
      const planned = plan(patch, options);
      applyChanges(options.authority ?? everything, planned.changes);
      return planned;
    },
    close() {
      root.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Allows all but what `refuses` names; covers all below `scope`. */
export function authorityOver(
  refuses: (query: Query) => boolean = () => false,
  scope: AbsolutePath | null = null,
): Authority {
  return {
    kind: "patch",
    covers: (path) => scope === null || isWithin(path, scope),
    decide: (query) => (refuses(query) ? refusal : allowance),
  };
}

const allowance: Decision = {
  effect: "allow",
  reason: "granted",
  rule: null,
  provenance: null,
  where: "host",
  suggestion: null,
};
const refusal: Decision = { ...allowance, effect: "deny", reason: "denied_by_rule" };

/** The code of the refusal; `done` where there was none. */
export function codeOf(act: () => unknown): string {
  try {
    act();
    return "done";
  } catch (error) {
    if (error instanceof SessionError) return error.code;
    throw error;
  }
}
