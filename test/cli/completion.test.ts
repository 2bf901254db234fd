import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completion } from "../../src/cli/commands/completion.ts";

let folder = "";
const scripts = new Map<string, string>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "completion-"));
  for (const shell of ["bash", "zsh", "fish"]) {
    const { text } = await completion.run({ given: [], rest: [shell] });
    scripts.set(shell, text);
    writeFileSync(join(folder, shell), text);
  }
  mkdirSync(join(folder, "here/folder one"), { recursive: true });
  writeFileSync(join(folder, "here/file.toml"), "");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What bash offers for a line, the cursor at its end. Words are split as readline splits them. */
function bash(words: readonly string[], fails = false): readonly string[] {
  const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const script = `source ${join(folder, "bash")}; source ${join(folder, "bash")}
    COMP_WORDS=(${quoted}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
    ${words[0] === "sandboxed" ? "_sandboxed" : "_sandboxed_run"}
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-c", script], {
    cwd: join(folder, "here"),
    encoding: "utf8",
  });
  if (!fails) expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((word) => word !== "");
}

describe("in bash", () => {
  it.each<[words: readonly string[], offers: readonly string[]]>([
    [["sandboxed-run", "--ti"], ["--timeout"]],
    [["sandboxed-run", "-q", "--dry"], ["--dry-run"]],
    [["sandboxed-run", "--network", "o"], ["off"]],
    [["sandboxed-run", "--network", "=", "re"], ["restricted"]],
    [["sandboxed-run", "-P", ":", "wo"], ["workspace"]],
    [
      ["sandboxed-run", "-P", ":"],
      ["isolated", "workspace", "read-only", "danger-full-access"],
    ],
    [["sandboxed-run", "--permissions", "=:", "re"], ["read-only"]],
    [["sandboxed-run", "--read", "fi"], ["file.toml"]],
    [["sandboxed-run", "--cd", "f"], ["folder one"]],
    [
      ["sandboxed-run", "-P", ":", "workspace", "--re"],
      ["--read", "--report", "--requirements"],
    ],
    [["sandboxed-run", "-r", "x", "--", "./fi"], ["./file.toml"]],
    [["sandboxed-run", "prog", "fi"], ["file.toml"]],
    [["sandboxed-run", "prog", "--ti"], []],
    [["sandboxed-run", "-P", ":", "workspace", "prog", "--ti"], []],
    [["sandboxed", "pol"], ["policy"]],
    [["sandboxed", "policy", "s"], ["show"]],
    [["sandboxed", "policy", "show", "--pe"], ["--permissions"]],
    [["sandboxed", "policy", "check", "fi"], ["file.toml"]],
    [["sandboxed", "run", "--ti"], ["--timeout"]],
    [["sandboxed", "init", "--p"], ["--project"]],
  ])("%j", (words, offers) => {
    expect([...bash(words)].toSorted()).toEqual([...offers].toSorted());
  });

  it("never evaluates what was typed", () => {
    for (const typed of ["$(touch evaluated)", "`touch evaluated`", "; touch evaluated", "> evaluated", "'"]) {
      bash(["sandboxed-run", "--read", typed], true);
      bash(["sandboxed-run", "prog", typed, "x"], true);
      bash(["sandboxed", typed, "x"], true);
    }
    expect(existsSync(join(folder, "here/evaluated"))).toBe(false);
    execFileSync("bash", ["--norc", "-c", "touch evaluated"], { cwd: join(folder, "here") });
    expect(existsSync(join(folder, "here/evaluated"))).toBe(true);
  });
});

describe.each(["zsh", "fish"])("in %s", (shell) => {
  const isInstalled = spawnSync(shell, ["-c", "exit 0"]).status === 0;

  it.runIf(isInstalled)("is understood", () => {
    expect(spawnSync(shell, ["-n", join(folder, shell)]).status).toBe(0);
  });

  it("has every command and option", () => {
    const text = scripts.get(shell) ?? "";
    for (const word of ["doctor", "verify", "timeout", "report", ":workspace".slice(1), "off restricted full"])
      expect(text).toContain(word);
    expect(readFileSync(join(folder, shell), "utf8")).not.toMatch(/\$\{(?:name|options)|undefined|\[object/);
  });
});
