import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absolutePath } from "../../../src/policy/index.ts";
import { git, openStage, surveyOf, treeOf, until, watchOf } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeEach(() => void (stage = openStage()));
afterEach(() => stage.close());

/** Lets `info` be by turns a directory with the name that is looked for, nothing, and a link to one outside. */
const flipper = `
  const { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync, writeSync } = require("node:fs");
  const [git, outside] = process.argv.slice(1);
  const attempt = (act) => { try { act(); } catch {} };
  for (let turn = 0; ; turn++) {
    attempt(() => mkdirSync(git + "/real"));
    attempt(() => writeFileSync(git + "/real/attributes", ""));
    attempt(() => symlinkSync(outside, git + "/link"));
    for (let flip = 0; flip < 20; flip++) {
      attempt(() => renameSync(git + "/real", git + "/info"));
      attempt(() => renameSync(git + "/info", git + "/real"));
      attempt(() => renameSync(git + "/link", git + "/info"));
      attempt(() => renameSync(git + "/info", git + "/link"));
    }
    if (turn === 0) writeSync(1, "flipping");
  }
`;

describe("names that did not exist", () => {
  it.each([
    ".vscode/tasks.json",
    ".git/commondir",
    ".git/config.worktree",
    ".git/objects/info/alternates",
    ".git/info/attributes",
    "evil.code-workspace",
  ])("moves %s aside and keeps it", (name) => {
    stage.repository();
    rmSync(stage.path(".git/info/attributes"), { force: true });
    const watch = watchOf(stage, surveyOf([stage.ws]));
    stage.write(name, "planted\n");
    const [found, ...rest] = watch.sweep();
    expect(rest).toEqual([]);
    expect(found?.action).toBe("quarantined");
    expect(existsSync(found?.path ?? "/")).toBe(false);
    expect(existsSync(found?.kept ?? "/nowhere")).toBe(true);
    execFileSync(found?.restore?.[0] ?? "", found?.restore?.slice(1) ?? []);
    expect(readFileSync(stage.path(name), "utf8")).toBe("planted\n");
  });

  it("acts while the run goes on", async () => {
    stage.repository();
    const watch = watchOf(stage, surveyOf([stage.ws]));
    stage.write(".vscode/tasks.json");
    await until(() => watch.live.length > 0, "the watch");
    expect(existsSync(stage.path(".vscode"))).toBe(false);
    stage.write("x.code-workspace");
    await until(() => watch.live.length > 1, "the pattern");
    expect(watch.sweep()).toEqual([]);
  });

  it.each([
    ["a symlink", () => symlinkSync(`${stage.outside}/dir`, stage.path(".vscode"))],
    ["a dangling symlink", () => symlinkSync("nowhere", stage.path(".vscode"))],
    ["a FIFO", () => execFileSync("mkfifo", [stage.path(".vscode")])],
    ["a closed directory", () => mkdirSync(stage.path(".vscode"), { mode: 0o000 })],
    ["a closed parent", () => (stage.write(".vscode/x"), chmodSync(stage.ws, 0o555))],
  ])("takes %s as it is and nothing outside", (_, plant) => {
    mkdirSync(`${stage.outside}/dir`);
    writeFileSync(`${stage.outside}/dir/precious`, "p");
    const before = treeOf(stage.outside);
    const watch = watchOf(stage, surveyOf([stage.ws]));
    plant();
    const [found] = watch.sweep();
    expect(lstatSync(found?.kept ?? "/nowhere")).toBeTruthy();
    expect(() => lstatSync(stage.path(".vscode"))).toThrow();
    expect(treeOf(stage.outside)).toEqual(before);
  });

  it("renames what can be kept nowhere else: a protected name, a hook, settings", () => {
    writeFileSync(stage.state, "where a folder would be");
    const watch = watchOf(stage, surveyOf([stage.ws]));
    stage.write(".envrc", "planted\n");
    stage.repository("new");
    stage.write("new/.git/hooks/pre-commit", "planted\n");
    stage.write("new/.git/config", "[core]\n\tfsmonitor = evil\n");
    const paths = [".envrc", "new/.git/hooks/pre-commit", "new/.git/config"];
    const found = watch.sweep();
    expect(found.map(({ path }) => path)).toEqual(paths.map((path) => stage.path(path)));
    for (const [index, { path, kept }] of found.entries()) {
      expect(existsSync(path)).toBe(false);
      expect(kept).toMatch(new RegExp(`^${path}\\.quarantined-`));
      expect(readFileSync(kept ?? "/", "utf8")).toContain(index === 2 ? "fsmonitor" : "planted");
    }
  });

  it("does not act through a directory that was exchanged for a symlink, but takes the symlink", () => {
    stage.repository();
    rmSync(stage.path(".git/info"), { recursive: true });
    mkdirSync(stage.path(".git/info"));
    mkdirSync(`${stage.outside}/info`);
    writeFileSync(`${stage.outside}/info/attributes`, "* filter=x\n");
    const watch = watchOf(stage, surveyOf([stage.ws]));
    renameSync(stage.path(".git/info"), stage.path(".git/old"));
    symlinkSync(`${stage.outside}/info`, stage.path(".git/info"));
    const [found] = watch.sweep();
    expect(found?.path).toBe(stage.path(".git/info"));
    expect(readlinkSync(found?.kept ?? "/")).toBe(`${stage.outside}/info`);
    expect(readFileSync(`${stage.outside}/info/attributes`, "utf8")).toBe("* filter=x\n");
  });

  it("never lets a flipping symlink lead it outside", async () => {
    mkdirSync(stage.path(".git"));
    stage.repository();
    rmSync(stage.path(".git/info"), { recursive: true });
    mkdirSync(`${stage.outside}/info`);
    writeFileSync(`${stage.outside}/info/attributes`, "precious");
    const survey = surveyOf([stage.ws]);
    const child = spawn(process.execPath, ["-e", flipper, stage.path(".git"), `${stage.outside}/info`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    try {
      const watch = watchOf(stage, survey);
      for (const end = Date.now() + 1500; Date.now() < end;) watch.sweep();
      expect(child.exitCode).toBe(null);
      expect(existsSync(watch.folder)).toBe(true);
    } finally {
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("exit", resolve));
    }
    expect(readFileSync(`${stage.outside}/info/attributes`, "utf8")).toBe("precious");
  });

  it("lets two runs in one directory do the same at once: both tell, neither throws", async () => {
    stage.repository();
    const one = watchOf(stage, surveyOf([stage.ws]));
    const other = watchOf(stage, surveyOf([stage.ws]));
    // Both watch after a while: what is moved aside before the second does it has never seen.
    await new Promise((resolve) => setTimeout(resolve, 400));
    stage.write(".vscode/tasks.json");
    await until(() => one.live.length > 0 && other.live.length > 0, "both");
    const kept = [...one.live, ...other.live].filter((each) => each.kept !== null);
    expect(kept).toHaveLength(1);
    expect([...one.sweep(), ...other.sweep()]).toEqual([]);
  });

  it("carries across file systems, link for link", () => {
    const survey = surveyOf([stage.ws]);
    const watch = watchOf({ ...stage, state: absolutePath("/dev/shm/protection-test") }, survey);
    try {
      stage.write(".vscode/a/b", "bytes\u0000");
      symlinkSync(stage.outside, stage.path(".vscode/link"));
      execFileSync("mkfifo", [stage.path(".vscode/pipe")]);
      const [found] = watch.sweep();
      expect(existsSync(stage.path(".vscode"))).toBe(false);
      expect(readFileSync(`${found?.kept}/a/b`, "utf8")).toBe("bytes\u0000");
      expect(readlinkSync(`${found?.kept}/link`)).toBe(stage.outside);
      expect(existsSync(stage.outside)).toBe(true);
    } finally {
      rmSync("/dev/shm/protection-test", { recursive: true, force: true });
    }
  });

  it("keeps a hostile name harmless in the quarantine", () => {
    const watch = watchOf(stage, surveyOf([stage.ws]));
    writeFileSync(`${stage.ws}/a\n\u001B[2J.code-workspace`, "");
    const [found] = watch.sweep();
    expect(found?.kept?.split("/").at(-1)).toMatch(/^w\d+-[\w.@+ -]+$/);
  });
});

describe("names that existed", () => {
  it("are never moved, whatever the run did in them (control: the mount holds them)", () => {
    stage.repository();
    stage.write(".vscode/settings.json");
    const watch = watchOf(stage, surveyOf([stage.ws]));
    stage.write(".vscode/more.json");
    stage.write(".git/hooks/pre-commit");
    expect(watch.sweep()).toEqual([]);
  });

  it("puts a replaced symlink back", () => {
    symlinkSync("shared", stage.path(".vscode"));
    const watch = watchOf(stage, surveyOf([stage.ws]));
    unlinkSync(stage.path(".vscode"));
    stage.write(".vscode/tasks.json");
    const [found] = watch.sweep();
    expect(found?.action).toBe("reverted");
    expect(readlinkSync(stage.path(".vscode"))).toBe("shared");
    expect(readFileSync(`${found?.kept}/tasks.json`, "utf8")).toBe("x\n");
  });

  it("puts back what was beyond the pins", () => {
    for (let at = 0; at < 70; at++) stage.repository(`r${at}`);
    const survey = surveyOf([stage.ws]);
    const loose = survey.protection.unpinned.find(({ path }) => path.endsWith("/config"));
    const watch = watchOf(stage, survey);
    const was = readFileSync(loose?.path ?? "/", "utf8");
    writeFileSync(loose?.path ?? "/", "[core]\nfsmonitor = evil\n");
    expect(watch.sweep().map(({ action, path }) => [action, path])).toEqual([["reverted", loose?.path]]);
    expect(readFileSync(loose?.path ?? "/", "utf8")).toBe(was);
  });
});

describe("repositories born in the run", () => {
  it("takes hooks and unsafe settings out of a new repository, keeps samples and the rest", () => {
    const watch = watchOf(stage, surveyOf([stage.ws]));
    const where = stage.repository("new");
    git(where, "config", "core.fsmonitor", "touch /tmp/x");
    git(where, "config", "alias.st", "!evil");
    git(where, "config", "remote.origin.url", "https://example.com/x.git");
    const config = readFileSync(`${where}/.git/config`, "utf8");
    stage.write("new/.git/hooks/pre-commit", "#!/bin/sh\nevil\n");
    stage.write("new/.git/hooks/x.sample");
    const found = watch.sweep();
    expect(found.map(({ path }) => path).toSorted()).toEqual([
      `${where}/.git/config`,
      `${where}/.git/hooks/pre-commit`,
    ]);
    expect(existsSync(`${where}/.git/hooks/x.sample`)).toBe(true);
    expect(git(where, "config", "--list")).not.toMatch(/fsmonitor|alias/);
    expect(git(where, "config", "remote.origin.url")).toBe("https://example.com/x.git\n");
    expect(readFileSync(found.find(({ path }) => path.endsWith("config"))?.kept ?? "/", "utf8")).toBe(config);
    expect(git(where, "status", "--short")).toBe("");
  });

  it("finds a bare one, one in a new submodule, and one that the root became", () => {
    stage.repository("library");
    stage.repository("main");
    stage.git(stage.ws, "init", "-q", "--bare", "early.git");
    const roots = [stage.path("main"), stage.path("plain")];
    mkdirSync(stage.path("plain"));
    const watch = watchOf(stage, surveyOf(roots));
    git(stage.path("main"), "init", "-q", "--bare", "bare");
    git(stage.path("main"), "submodule", "--quiet", "add", "../library", "sub");
    git(stage.path("plain"), "init", "-q", "--bare", ".");
    const hooks = ["main/bare/hooks/update", "main/.git/modules/sub/hooks/post-checkout", "plain/hooks/update"];
    for (const hook of hooks) stage.write(hook);
    expect(
      watch
        .sweep()
        .map(({ path }) => path)
        .toSorted(),
    ).toEqual(hooks.map((hook) => stage.path(hook)).toSorted());
  });

  it("finds one made of a directory that was there before", () => {
    stage.write("fixture/HEAD", "ref: refs/heads/main\n");
    stage.write("fixture/config", "[core]\nfsmonitor = evil\n");
    stage.write("fixture/refs/x");
    mkdirSync(stage.path("work"));
    const watch = watchOf(stage, surveyOf([stage.ws]));
    mkdirSync(stage.path("fixture/objects"));
    renameSync(stage.path("fixture"), stage.path("work/.git"));
    watch.sweep();
    expect(readFileSync(stage.path("work/.git/config"), "utf8")).toBe("[core]\n");
  });

  it.each([
    [
      "a hooks directory that is a symlink",
      "hooks",
      () => (
        rmSync(stage.path("new/.git/hooks"), { recursive: true }),
        symlinkSync("/ws/evil", stage.path("new/.git/hooks"))
      ),
    ],
    [
      "a hooks directory closed to listing",
      "hooks/pre-commit",
      () => (stage.write("new/.git/hooks/pre-commit"), chmodSync(stage.path("new/.git/hooks"), 0o300)),
    ],
    [
      "configuration that is a symlink",
      "config",
      () => (
        stage.write("evil", "[core]\npager=x\n"),
        unlinkSync(stage.path("new/.git/config")),
        symlinkSync("../../evil", stage.path("new/.git/config"))
      ),
    ],
    ["configuration that git refuses", "config", () => stage.write("new/.git/config", "[core]\npager = \\q\n")],
    [
      "configuration too large to read",
      "config",
      () => stage.write("new/.git/config", `#${"x".repeat(1 << 20)}\n[core]\npager = x\n`),
    ],
    [
      "configuration of a work tree",
      "config.worktree",
      () => stage.write("new/.git/config.worktree", "[core]\nfsmonitor = x\n"),
    ],
  ])("takes %s", (_, name, plant) => {
    const watch = watchOf(stage, surveyOf([stage.ws]));
    stage.repository("new");
    plant();
    expect(watch.sweep().map(({ path }) => path)).toEqual([stage.path(`new/.git/${name}`)]);
  });

  it("takes pointers to a git directory outside, and tells of foreign objects", () => {
    const watch = watchOf(stage, surveyOf([stage.ws]));
    git(stage.outside, "init", "-q");
    const before = treeOf(stage.outside);
    stage.write("one/.git", `gitdir: ${stage.outside}/.git\n`);
    stage.write("two/.git/HEAD", "ref: refs/heads/main\n");
    stage.write("two/.git/commondir", `${stage.outside}/.git\n`);
    mkdirSync(stage.path("three"));
    symlinkSync(`${stage.outside}/.git`, stage.path("three/.git"));
    stage.repository("four");
    stage.write("four/.git/objects/info/alternates", `${stage.outside}/.git/objects\n`);
    expect(
      watch
        .sweep()
        .map(({ path }) => path.slice(stage.ws.length + 1))
        .toSorted(),
    ).toEqual(["one/.git", "three/.git", "two/.git/commondir"]);
    expect(watch.notices.join()).toContain(stage.outside);
    expect(treeOf(stage.outside)).toEqual(before);
  });

  it("after a look cut short, leaves alone what is older than the run", async () => {
    const where = stage.repository("old");
    stage.write("old/.git/hooks/pre-commit");
    const survey = surveyOf([stage.ws]);
    const cut = { ...survey, scan: { ...survey.scan, complete: false, repositories: [], time: Date.now() + 60 } };
    await new Promise((resolve) => setTimeout(resolve, 80));
    const watch = watchOf(stage, cut);
    stage.write("old/.git/hooks/post-commit");
    expect(watch.sweep().map(({ path }) => path)).toEqual([`${where}/.git/hooks/post-commit`]);
  });

  it("does none of it with git = off", () => {
    const watch = watchOf(stage, surveyOf([stage.ws], { git: "off" }));
    stage.repository("new");
    stage.write("new/.git/hooks/pre-commit");
    expect(watch.sweep()).toEqual([]);
  });
});

describe("work that is allowed", () => {
  it("leaves commits, branches, work trees, clones and submodules as they are, byte for byte", () => {
    stage.repository("main");
    stage.git(stage.path("main"), "worktree", "add", "-q", "../linked");
    const watch = watchOf(stage, surveyOf([stage.ws]));
    for (const tree of ["main", "linked"]) {
      stage.write(`${tree}/file`);
      git(stage.path(tree), "add", ".");
      git(stage.path(tree), "commit", "-q", "-m", "second");
      git(stage.path(tree), "gc", "-q");
    }
    git(stage.path("main"), "worktree", "add", "-q", "../third");
    git(stage.ws, "clone", "-q", "main", "copy");
    git(stage.ws, "init", "-q", "empty");
    const before = treeOf(stage.ws);
    expect(watch.sweep()).toEqual([]);
    expect(watch.live).toEqual([]);
    expect(watch.notices).toEqual([]);
    expect(treeOf(stage.ws)).toEqual(before);
    expect(existsSync(stage.state)).toBe(false);
  });

  it("survives a root that is gone, or has become a file or a symlink", () => {
    for (const change of [
      (): void => {},
      (): void => writeFileSync(stage.path("root"), ""),
      (): void => symlinkSync(stage.outside, stage.path("root")),
    ]) {
      mkdirSync(stage.path("root"));
      const watch = watchOf(stage, surveyOf([stage.path("root")]));
      rmSync(stage.path("root"), { recursive: true });
      change();
      mkdirSync(`${stage.outside}/.vscode`, { recursive: true });
      expect(watch.sweep()).toEqual([]);
      expect(existsSync(`${stage.outside}/.vscode`)).toBe(true);
      rmSync(stage.path("root"), { force: true });
    }
  });
});
