import type { Intent } from "./candidate.ts";

/** Beginnings of words in error messages and system calls, most telling first; letters only. */
const signs: readonly (readonly [intent: Intent, words: readonly string[]])[] = [
  ["socket", ["connect", "dial unix", "docker daemon"]],
  ["rename", ["rename", "cannot move", "renaming", "moving"]],
  ["remove", ["remove", "unlink", "rmdir", "delet", "could not unlink"]],
  [
    "create",
    [
      "creat",
      "mkdir",
      "touch",
      "symlink",
      "hard link",
      "mkdtemp",
      "mkfifo",
      "temporary file",
      "work tree",
      "lock config",
      "for writing",
      "output file",
      "copyfile",
    ],
  ],
  ["write", ["writ", "truncat", "chmod", "chown", "changing", "utime", "setting times", "append", "output", "lock"]],
  ["exec", ["exec", "spawn", "bad interpreter", "cannot run", "shell-init"]],
  ["list", ["open directory", "scandir", "opendir", "readdir", "read directory", "cd", "chdir", "change to"]],
  ["read", ["for reading", "access", "read", "stat", "load", "cannot find module", "source", "can t open file"]],
];

/**
 * What was tried, by the words around the path. `lower` is the line in lower case without the path itself: names like
 * `created.txt` would speak for themselves.
 */
export function intentOf(lower: string): Intent {
  const text = ` ${lower.replace(/[^a-z]+/g, " ")}`;
  for (const [intent, words] of signs) {
    if (words.some((word) => text.includes(` ${word}`))) return intent;
  }
  return "unknown";
}
