import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absolutePath } from "../../../src/policy/index.ts";
import type { AbsolutePath, ProtectedPath, RawProfile } from "../../../src/policy/index.ts";
import type { Authority } from "../../../src/session/files/authority.ts";
import { globFiles } from "../../../src/session/files/glob.ts";
import { machine, oracle, profile } from "../../policy/machine.ts";
import { codeOf, openStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeEach(() => {
  stage = openStage();
  for (const name of ["plain.txt", ".git/hooks/pre-commit", ".git/config", "docs/d", "closed/c", "sub/.env"])
    stage.put(name);
});
afterEach(() => stage.close());

const rules: RawProfile = {
  extends: ":workspace",
  filesystem: { ":workspace_roots": { ".": "write", docs: "read", closed: "deny", "**/.env": "deny" } },
};

/** The policy's own answers about the stage's workspace, `:workspace` with some rules of one's own. */
function authority(): Authority {
  const { ws } = stage;
  const guarded = (name: string, kind: ProtectedPath["kind"]): ProtectedPath => ({
    path: absolutePath(`${ws}/${name}`),
    kind,
    list: name.startsWith(".git") ? "git" : "tools",
    name,
    root: ws,
  });
  const places = machine({
    cwd: ws,
    workspaceRoots: [ws],
    tmpdir: null,
    protectedPaths: [guarded(".git/hooks", "directory"), guarded(".git/config", "file"), guarded(".vscode", "missing")],
    canonical: (path: AbsolutePath) => path,
  });
  const asked = oracle(profile(rules), places);
  return { kind: "patch", covers: () => true, decide: (query) => asked.decide(query) };
}

const begin = (...lines: readonly string[]): string => ["*** Begin Patch", ...lines, "*** End Patch"].join("\n");
const ways: readonly (readonly [name: string, patch: (path: string) => string])[] = [
  ["changes", (path) => begin(`*** Update File: ${path}`, `-text of ${path}`, "+x")],
  ["deletes", (path) => begin(`*** Delete File: ${path}`)],
  ["moves away", (path) => begin(`*** Update File: ${path}`, "*** Move to: free")],
];
const protectedFiles = [".git/hooks/pre-commit", ".git/config", "docs/d", "closed/c", "sub/.env"];

describe.each(ways)("a patch that %s", (_, patch) => {
  it.each(protectedFiles)("%s is refused", (path) => {
    expect(codeOf(() => stage.patch(patch(path), { authority: authority() }))).toBe("policy_denied");
    expect(stage.text(path)).toBe(`text of ${path}\n`);
    expect(stage.text("free")).toBe(null);
  });

  it("an ordinary file is carried out", () => {
    expect(codeOf(() => stage.patch(patch("plain.txt"), { authority: authority() }))).toBe("done");
    expect(stage.text("plain.txt")).not.toBe("text of plain.txt\n");
  });
});

describe("what is new", () => {
  const fresh = [".git/hooks/post-merge", ".vscode/tasks.json", "docs/n", "closed/n", "n/.env", "new/.git/hooks/x"];
  it.each(fresh)("%s is neither added, written nor moved to", (path) => {
    const options = { authority: authority() };
    expect(codeOf(() => stage.patch(begin(`*** Add File: ${path}`, "+x"), options))).toBe("policy_denied");
    expect(codeOf(() => stage.patch(begin("*** Update File: plain.txt", `*** Move to: ${path}`), options))).toBe(
      "policy_denied",
    );
    expect(codeOf(() => stage.write(path, "x", options))).toBe("policy_denied");
    expect([stage.text(path), stage.text("plain.txt")]).toEqual([null, "text of plain.txt\n"]);
    expect(stage.names().includes("new") || stage.names().includes("n")).toBe(false);
  });

  it.each(["n", "new/n", "sub/env", ".git/info/exclude"])("%s is", (path) => {
    expect(codeOf(() => stage.write(path, "x", { authority: authority() }))).toBe("done");
    expect(stage.text(path)).toBe("x");
  });
});

describe("through a symlink of the workspace", () => {
  it("a denied file is as denied, and its name no help", () => {
    symlinkSync("closed", join(stage.ws, "open"));
    symlinkSync("sub/.env", join(stage.ws, "innocent"));
    for (const path of ["open/c", "innocent", "closed/c", "closed/missing", "open/missing"]) {
      expect(codeOf(() => stage.read(path, authority()))).toBe("policy_denied");
    }
    expect(stage.read("docs/d", authority())).toBe("text of docs/d\n");
  });

  it("a hook is as protected", () => {
    symlinkSync(".git", join(stage.ws, "g"));
    expect(codeOf(() => stage.write("g/hooks/pre-commit", "x", { authority: authority() }))).toBe("policy_denied");
    expect(codeOf(() => stage.write("g/info/exclude", "x", { authority: authority() }))).toBe("done");
  });

  it("and nothing of it is found", async () => {
    symlinkSync("sub/.env", join(stage.ws, "innocent"));
    const found = await globFiles(authority(), stage.root, "**/*");
    expect(found).toEqual([".git/config", ".git/hooks/pre-commit", "docs/d", "plain.txt"]);
  });
});
