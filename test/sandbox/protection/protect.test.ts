import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absolutePath } from "../../../src/policy/index.ts";
import type { ProtectPolicy } from "../../../src/policy/index.ts";
import { hardLinks, pins, protect, scanRoots } from "../../../src/sandbox/protection/index.ts";
import { metadata, openStage, surveyOf, watchOf } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeEach(() => void (stage = openStage()));
afterEach(() => stage.close());

const layout = (policy: Partial<ProtectPolicy> = {}, roots = [stage.ws]) => surveyOf(roots, policy).protection;
const kinds = (policy: Partial<ProtectPolicy> = {}): Readonly<Record<string, string>> =>
  Object.fromEntries(layout(policy).paths.map(({ path, kind }) => [path.slice(stage.ws.length + 1), kind]));

describe("what is protected", () => {
  it("names the metadata of a repository and the names at the top, existing or not", () => {
    stage.repository();
    stage.write(".vscode/settings.json");
    stage.write("x.code-workspace");
    expect(kinds()).toMatchObject({
      ".git/hooks": "directory",
      ".git/config": "file",
      ".git/config.worktree": "missing",
      ".git/commondir": "missing",
      ".git/objects/info/alternates": "missing",
      ".vscode": "directory",
      ".claude": "missing",
      ".envrc": "missing",
      "x.code-workspace": "file",
    });
    expect(layout().patterns).toEqual([
      { directory: stage.ws, root: stage.ws, pattern: "*.code-workspace", known: ["x.code-workspace"] },
    ]);
  });

  it("covers nested repositories, linked work trees and submodules", () => {
    stage.repository("main");
    stage.repository("library");
    stage.git(stage.path("main"), "worktree", "add", "-q", "../linked");
    stage.git(stage.path("main"), "submodule", "--quiet", "add", "../library", "sub");
    expect(kinds()).toMatchObject({
      "main/.git/hooks": "directory",
      "linked/.git": "file",
      "main/.git/worktrees/linked/commondir": "file",
      "main/.git/worktrees/linked/gitdir": "file",
      "main/.git/worktrees/linked/config.worktree": "missing",
      "main/sub/.git": "file",
      "main/.git/modules/sub/config": "file",
      "main/.git/modules/sub/hooks": "directory",
    });
  });

  it("finds configured hooks and included files, nested and conditional ones too", () => {
    stage.repository();
    stage.write(".githooks/pre-commit");
    stage.write("conf/one", '[include]\npath = "two"\n');
    stage.write("conf/two", "[x]\ny = z\n");
    stage.git(stage.ws, "config", "core.hooksPath", ".githooks");
    stage.git(stage.ws, "config", "include.path", "../conf/one");
    stage.git(stage.ws, "config", "includeIf.onbranch:x.path", "../conf/later");
    expect(kinds()).toMatchObject({
      ".githooks": "directory",
      "conf/one": "file",
      "conf/two": "file",
      "conf/later": "missing",
    });
  });

  it("finds the user's own git settings where they lie in a workspace", () => {
    stage.write("dotfiles/gitconfig", "[core]\nhooksPath = .myhooks\n");
    symlinkSync(stage.path("dotfiles/gitconfig"), `${stage.outside}/.gitconfig`);
    stage.repository();
    const environment = { home: stage.outside, shared: [absolutePath(`${stage.outside}/.gitconfig`)] };
    const paths = protect([stage.ws], scanRoots([stage.ws]), metadata, environment).paths.map(({ path }) => path);
    expect(paths).toContain(stage.path("dotfiles/gitconfig"));
    expect(paths).toContain(stage.path(".myhooks"));
  });

  it.each([
    ["git off", { git: "off" as const }, ".git/hooks", ".vscode"],
    ["one name off", { off: new Set([".vscode"]) }, ".vscode", ".git/hooks"],
  ])("leaves out what the policy turned off: %s", (_, policy, out, kept) => {
    stage.repository();
    expect(Object.keys(kinds(policy))).not.toContain(out);
    expect(Object.keys(kinds(policy))).toContain(kept);
  });

  it("takes the whole git directory with git = all", () => {
    stage.repository();
    expect(kinds({ git: "all" })[".git"]).toBe("directory");
  });

  it("names the top of a place inside of a root as well, where that is asked for", () => {
    stage.write("work/project/.vscode/settings.json");
    const top = stage.path("work/project");
    const scan = scanRoots([stage.ws]);
    const paths = protect([stage.ws], scan, metadata, undefined, [top]).paths;
    expect(paths).toContainEqual(
      expect.objectContaining({ path: `${top}/.vscode`, kind: "directory", root: stage.ws }),
    );
    expect(paths).toContainEqual(expect.objectContaining({ path: `${top}/.claude`, kind: "missing", root: stage.ws }));
    expect(protect([stage.ws], scan, metadata).paths.map(({ path }) => path)).not.toContain(`${top}/.vscode`);
  });

  it("leaves a path free that is itself a root: the user's word wins", () => {
    stage.write(".vscode/settings.json");
    const paths = layout({}, [stage.ws, stage.path(".vscode")]).paths.map(({ path }) => path);
    expect(paths).not.toContain(stage.path(".vscode"));
  });

  it("has no top of a root inside a git directory", () => {
    stage.repository();
    const names = layout({}, [stage.path(".git")]).paths;
    expect(names.some(({ list }) => list === "tools")).toBe(false);
    expect(names.map(({ path }) => path)).toContain(stage.path(".git/hooks"));
  });

  it("watches a symlink and protects its target where that can be written", () => {
    stage.write("shared/settings.json");
    symlinkSync("shared", stage.path(".vscode"));
    symlinkSync(stage.outside, stage.path(".idea"));
    symlinkSync("loop", stage.path(".zed"));
    const { paths, links } = layout();
    expect(links.map(({ path }) => path).toSorted()).toEqual(
      [".idea", ".vscode", ".zed"].map((name) => stage.path(name)),
    );
    expect(paths.find(({ path }) => path === stage.path("shared"))?.kind).toBe("directory");
    expect(paths.some(({ path }) => path.startsWith(stage.outside))).toBe(false);
  });

  it("survives unreadable and hostile configuration", () => {
    stage.repository();
    writeFileSync(stage.path(".git/config"), "\0\u00FF[include]\npath = /dev/zero\n");
    expect(kinds()[".git/config"]).toBe("file");
    writeFileSync(stage.path(".git/config"), "[include]\npath = config\npath = /dev/zero\n");
    expect(kinds()[".git/config"]).toBe("file");
  });
});

describe("pins", () => {
  it("holds every directory strictly between root and protected path, parents first", () => {
    stage.repository("a/b");
    const found = pins(layout().paths);
    expect(found).toEqual([stage.path("a"), stage.path("a/b"), stage.path("a/b/.git")]);
  });

  it("spends sixty-four at most, on what is most dangerous, and says so", () => {
    for (let at = 0; at < 40; at++) stage.repository(`r${at}`);
    const { paths, unpinned, reductions } = layout();
    expect(pins(paths).length).toBeLessThanOrEqual(64);
    expect(unpinned.length).toBeGreaterThan(0);
    expect(reductions.map(({ holds }) => holds)).toContain("watched");
    expect(paths.filter(({ kind }) => kind === "directory").length).toBeGreaterThanOrEqual(32);
  });

  it("has nothing to say of an ordinary workspace", () => {
    stage.repository();
    expect(layout().reductions).toEqual([]);
    expect(layout().unpinned).toEqual([]);
  });
});

describe("placeholders", () => {
  it("are for missing names that are directories by nature", () => {
    stage.repository();
    mkdirSync(stage.path(".vscode"));
    const { placeholders } = layout({ missing: "strict" });
    expect(placeholders).toContain(stage.path(".claude"));
    expect(placeholders).not.toContain(stage.path(".envrc"));
    expect(placeholders).not.toContain(stage.path(".vscode"));
  });

  it("makes none with watch", () => expect(layout().placeholders).toEqual([]));

  it("does not trust the placeholder of another run to stay", () => {
    const { placeholders } = layout({ missing: "strict" });
    for (const path of placeholders) mkdirSync(path, { mode: 0o555 });
    const survey = surveyOf([stage.ws]);
    expect(survey.protection.borrowed.map(({ path }) => path).toSorted()).toEqual(placeholders.toSorted());
    const watch = watchOf(stage, survey);
    for (const path of placeholders) rmdirSync(path);
    stage.write(".claude/settings.json");
    mkdirSync(stage.path(".vscode"), { mode: 0o555 });
    expect(watch.sweep().map(({ path }) => path)).toEqual([stage.path(".claude")]);
    expect(existsSync(stage.path(".vscode"))).toBe(true);
  });

  it("leaves one that another run made meanwhile, and takes what is in it", () => {
    const watch = watchOf(stage, surveyOf([stage.ws]));
    for (const name of [".claude", ".idea"]) mkdirSync(stage.path(name), { mode: 0o555 });
    chmodSync(stage.path(".idea"), 0o755);
    stage.write(".idea/workspace.xml");
    chmodSync(stage.path(".idea"), 0o555);
    expect(watch.sweep().map(({ path }) => path)).toEqual([stage.path(".idea")]);
    expect(existsSync(stage.path(".claude"))).toBe(true);
  });
});

describe("hard links", () => {
  it("tells of another name of a denied file in the workspace", () => {
    const secret = absolutePath(`${stage.outside}/key`);
    writeFileSync(secret, "secret");
    mkdirSync(stage.path("deep"));
    linkSync(secret, stage.path("deep/copy"));
    expect(hardLinks([stage.outside], [stage.ws])).toEqual([
      { path: secret, aliases: [stage.path("deep/copy")], complete: true },
    ]);
    appendFileSync(stage.path("deep/copy"), "!");
    expect(readFileSync(secret, "utf8")).toBe("secret!");
  });

  it("is silent when every file has one name, or the other name is outside", () => {
    writeFileSync(`${stage.outside}/key`, "secret");
    expect(hardLinks([stage.outside], [stage.ws])).toEqual([]);
    linkSync(`${stage.outside}/key`, `${stage.outside}/twin`);
    expect(hardLinks([stage.outside], [stage.ws])).toEqual([]);
  });
});
