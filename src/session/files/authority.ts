import { protectedNames } from "../../policy/index.ts";
import type { AbsolutePath, Decision, PathOperation, Query } from "../../policy/index.ts";
import { SessionError } from "../error.ts";
import { denied, quoted } from "./refusal.ts";

/** Who acts: the policy's answers, and what the capability reaches. Asked with paths that were walked to. */
export interface Authority {
  decide(query: Query): Decision;
  covers(path: AbsolutePath): boolean;
  /** What the policy denies by name, files only looked at for second names. */
  denied?(): readonly AbsolutePath[];
  /** `fs.read`, `patch`: named where it does not reach. */
  readonly kind: string;
}

/**
 * Errors: `not_granted`, `policy_denied`. They are the same whether the path is there or not, so ask before saying
 * that it is missing.
 */
export function requireAllowed(
  authority: Authority,
  operations: readonly PathOperation[],
  path: AbsolutePath,
  shown: string,
): void {
  if (!authority.covers(path)) {
    throw new SessionError(
      "not_granted",
      `${quoted(shown)} leads to where the ${authority.kind} capability does not reach`,
      {
        capability: `${authority.kind}=${path}`,
      },
    );
  }
  for (const op of operations) {
    const decision = authority.decide({ op, path });
    if (decision.effect !== "allow") throw denied(shown, `may not be ${words[op]}`, decision);
    if (decision.where === "private") {
      throw denied(shown, "is a private place of the program, which the session does not see", decision);
    }
  }
  if (operations.some(changes) && isGitSetting(path)) {
    throw denied(shown, "is a setting or a hook of git, which is protected", null, "only a person changes it");
  }
}

/** The answer of `requireAllowed` without its reasons. */
export function isAllowed(authority: Authority, op: PathOperation, path: AbsolutePath): boolean {
  if (!authority.covers(path)) return false;
  const { effect, where } = authority.decide({ op, path });
  return effect === "allow" && where !== "private";
}

const words: Readonly<Record<PathOperation, string>> = {
  read: "read",
  write: "written",
  create: "created",
  list: "listed",
  exec: "executed",
  move: "replaced or removed",
};

function changes(op: PathOperation): boolean {
  return op === "write" || op === "create" || op === "move";
}

let patterns: readonly (readonly string[])[] | null = null;

/**
 * By name alone, in any letter case: the policy knows the repositories that were there when the run began, and a
 * script makes new ones.
 */
function isGitSetting(path: AbsolutePath): boolean {
  const names = path.split("/").map(plain);
  patterns ??= protectedNames().git.map((pattern) => pattern.split("/"));
  for (let at = names.indexOf(".git"); at !== -1; at = names.indexOf(".git", at + 1)) {
    const below = names.slice(at);
    if (patterns.some((pattern) => startsWith(below, pattern))) return true;
  }
  return false;
}

/** Also what some file systems take for the same name. */
function plain(name: string): string {
  return name
    .normalize("NFKC")
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .toLowerCase();
}

function startsWith(names: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return true;
  if (first === "**") return names.some((_, index) => startsWith(names.slice(index), rest));
  const [name, ...more] = names;
  return name !== undefined && (first === "*" || first === name) && startsWith(more, rest);
}
