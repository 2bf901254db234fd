import { describe, expect, it } from "vitest";
import type { RawProfile } from "../../src/policy/index.ts";
import { builtin, guarded, machine, oracle, profile, ws } from "./machine.ts";

describe("protected names", () => {
  it.each<readonly [string, RawProfile, string, string]>([
    ["held", {}, ".git/hooks/pre-commit", "deny protected_name"],
    [
      "opened by an entry for the same path",
      { filesystem: { ":workspace_roots": { ".": "write", ".git/hooks": "write" } } },
      ".git/hooks/pre-commit",
      "allow granted",
    ],
    [
      "not opened by one above",
      { filesystem: { ":workspace_roots": { ".": "write", ".git": "write" } } },
      ".git/hooks/pre-commit",
      "deny protected_name",
    ],
    ["git switched off", { protect: { git: "off" } }, ".git/hooks/pre-commit", "allow granted"],
    ["git switched off leaves the others", { protect: { git: "off" } }, ".vscode/tasks.json", "deny protected_name"],
    ["one name switched off", { protect: { off: [".vscode"] } }, ".vscode/tasks.json", "allow granted"],
    ["one name switched off leaves git", { protect: { off: [".vscode"] } }, ".git/config", "deny protected_name"],
    ["git as a whole", { protect: { git: "all" } }, ".git/index", "deny protected_name"],
    ["git in part", {}, ".git/index", "allow granted"],
    ["a sibling of the same beginning", {}, ".vscode-other/tasks.json", "allow granted"],
  ])("%s", (_, raw, path, expected) => {
    const { effect, reason } = oracle(profile({ extends: ":isolated", ...raw })).decide({ op: "write", path });
    expect(`${effect} ${reason}`).toBe(expected);
  });

  it("are free only when every layer frees them", () => {
    const free = profile({ extends: ":isolated", protect: { git: "off" } });
    const query = { op: "write", path: ".git/hooks/x" } as const;
    expect(oracle([free, builtin(":workspace")]).decide(query).reason).toBe("protected_name");
    expect(oracle([free, builtin(":danger-full-access")]).decide(query).effect).toBe("allow");
    expect(oracle([free, free]).decide(query).effect).toBe("allow");
  });

  it("hold the directories above them, up to the writable root", () => {
    const places = machine({ protectedPaths: [guarded("a/b/.git/hooks", "git")] });
    const asked = oracle(builtin(":isolated"), places);
    for (const path of ["a", "a/b", "a/b/.git"])
      expect(asked.decide({ op: "move", path }).reason).toBe("pinned_ancestor");
    for (const path of ["b", "a/c", "a/b/src", "a/b/.git/objects"])
      expect(asked.decide({ op: "move", path }).effect).toBe("allow");
  });
});

describe("a file system that folds names", () => {
  const folded = oracle(
    profile({ extends: ":isolated", filesystem: { ":workspace_roots": { ".": "write", "**/.ENV": "deny" } } }),
    machine({ folding: [ws] }),
  );
  const plain = oracle(builtin(":isolated"));
  it.each([
    [".GIT/Hooks/pre-commit", "protected_name"],
    [".VSCode/tasks.json", "protected_name"],
    [".g\u200cit/config", "protected_name"],
    ["a/.env", "deny_glob"],
  ])("refuses %j as the name it stands for", (path, reason) => {
    expect(folded.decide({ op: "write", path }).reason).toBe(reason);
    expect(plain.decide({ op: "write", path }).effect).toBe("allow");
  });

  it("pins under every spelling, and leaves other names alone", () => {
    expect(folded.decide({ op: "move", path: ".GIT" }).reason).toBe("pinned_ancestor");
    expect(folded.decide({ op: "write", path: ".gitignore" }).effect).toBe("allow");
  });
});
