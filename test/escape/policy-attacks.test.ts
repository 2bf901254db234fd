import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/** Attacks on policy and configuration, and on what the host executes later: each has a test, with a twin. */
const attacks = {
  C03: "a marker says that the sandbox is there already",
  C05: "a managed key is overridden by a file, an option, a variable or a call",
  C07: "a key or a table is there twice",
  C08: "a key is misspelt and passed over",
  C09: "names of JavaScript's own as keys, hosts and profiles",
  C10: "names that become other paths",
  C11: "patterns that match otherwise than they look",
  C12: "rules that take long to match",
  C16: "a policy that others can write, or that is swapped",
  C17: "a git hook",
  C18: "git configuration that executes",
  C19: "git attributes that set a filter off",
  C20: "a repository that leads to another one",
  C24: "files that a build executes",
  C25: "files that a shell reads on entering a folder",
  C26: "start-up files of interpreters and shells",
  C30: "a service of the host is asked politely",
  C31: "what was denied is asked for again, outside",
  C33: "suggestions that are too wide",
  C35: "text that gets into the rules of a launcher",
};

const folders = ["../escape", "../e2e"].map((name) => join(import.meta.dirname, name));
const texts = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".ts") && !import.meta.filename.endsWith(name))
    .map((name) => readFileSync(join(folder, name), "utf8")),
);

describe("attacks on the policy", () => {
  it.each(Object.entries(attacks))("%s: %s", (id) => {
    // In the title of a test, or as the id of a row.
    const named = new RegExp(`"[^"\\n]*\\b${id}\\b`);
    expect(texts.some((text) => named.test(text))).toBe(true);
  });
});
