import { protectedNames } from "../../policy/index.ts";

/** A name inside a git directory, and the pattern of the list that it stands for. */
export interface GitName {
  readonly relative: string;
  readonly name: string;
}

/** Inside the shared git directory of a repository, most dangerous first. */
export function sharedGitNames(): readonly GitName[] {
  return protectedNames()
    .git.filter((name) => name.startsWith(".git/") && !name.includes("*"))
    .map((name) => ({ relative: name.slice(".git/".length), name }));
}

/** Inside the git directory of a linked work tree. */
export function linkedGitNames(): readonly GitName[] {
  const folder = ".git/worktrees/*/";
  return protectedNames()
    .git.filter((name) => name.startsWith(folder))
    .map((name) => ({ relative: name.slice(folder.length), name }));
}

/** What the found files stand for in the list: their rule is that of the file which makes them live. */
export const listedAs = { dotGit: ".git/commondir", hooksPath: ".git/hooks", included: ".git/config", whole: ".git" };

/** Names whose harm is done by a program's next look at the repository; the rest needs a second file as well. */
export function isFirstTier(name: string): boolean {
  return /\/(?:hooks|config)$/.test(name) || name === listedAs.dotGit || name === listedAs.whole;
}

/** Nobody makes such a directory by hand: it marks one that a run made to hold a name. */
export const placeholderMode = 0o555;

/** Tools keep these names as directories; a placeholder for a file would break who reads it. */
export function isDirectoryName(name: string): boolean {
  const last = name.slice(name.lastIndexOf("/") + 1);
  return directories.has(last);
}

const directories: ReadonlySet<string> = new Set([
  "hooks",
  ".sandboxed",
  ".codex",
  ".agents",
  ".claude",
  ".cursor",
  ".windsurf",
  ".gemini",
  ".continue",
  ".roo",
  ".kiro",
  ".opencode",
  ".vscode",
  ".idea",
  ".zed",
  ".devcontainer",
]);

/** Whether a name matches a pattern of one component with at most one star. */
export function matchesName(name: string, pattern: string): boolean {
  const star = pattern.indexOf("*");
  if (star === -1) return name === pattern;
  const tail = pattern.slice(star + 1);
  return name.length >= pattern.length - 1 && name.startsWith(pattern.slice(0, star)) && name.endsWith(tail);
}
