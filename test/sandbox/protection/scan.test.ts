import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { metadataRoots, readRepository, repositoryOf, scanRoots } from "../../../src/sandbox/protection/index.ts";
import { openStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeEach(() => void (stage = openStage()));
afterEach(() => stage.close());

const found = (): readonly string[] =>
  scanRoots([stage.ws]).repositories.map(({ worktree }) => worktree.slice(stage.base.length));

describe("repositories", () => {
  it("finds the one at the root, nested ones, bare ones, and the one that holds the root", () => {
    stage.repository();
    stage.repository("a/b");
    stage.git(stage.ws, "init", "-q", "--bare", "bare.git");
    expect(found()).toEqual(["/ws", "/ws/bare.git", "/ws/a/b"]);
    expect(scanRoots([stage.path("a")]).repositories.map(({ worktree }) => worktree)).toContain(stage.ws);
  });

  it("resolves a linked work tree to its own and its shared git directory", () => {
    stage.repository("main");
    stage.git(stage.path("main"), "worktree", "add", "-q", "../linked");
    expect(readRepository(stage.path("linked"))).toEqual({
      worktree: stage.path("linked"),
      gitDir: stage.path("main/.git/worktrees/linked"),
      commonDir: stage.path("main/.git"),
    });
  });

  it("finds a submodule by its work tree and, without one, by its git directory", () => {
    stage.repository("library");
    stage.repository("main");
    stage.git(stage.path("main"), "submodule", "--quiet", "add", "../library", "deep/sub");
    expect(found()).toContain("/ws/main/deep/sub");
    execFileSync("rm", ["-rf", stage.path("main/deep/sub")]);
    expect(found()).toContain("/ws/main/.git/modules/deep/sub");
  });

  it("takes neither an empty .git nor one that points nowhere for a repository", () => {
    mkdirSync(stage.path(".git"));
    stage.write("pointed/.git", "gitdir: ../nowhere\n");
    stage.write("loop/.git", "gitdir: .git\n");
    symlinkSync(".git", stage.path("loop/x"));
    mkdirSync(stage.path("linked"));
    symlinkSync(".git", stage.path("linked/.git"));
    expect(found()).toEqual([]);
  });

  it("does not hang on a FIFO where a pointer should be", () => {
    mkdirSync(stage.path("a"));
    execFileSync("mkfifo", [stage.path("a/.git")]);
    stage.repository("b");
    execFileSync("mkfifo", [stage.path("b/.git/commondir")]);
    expect(found()).toEqual(["/ws/b"]);
  });

  it("walks up from a deep path, and knows a path inside a git directory", () => {
    stage.repository();
    stage.write("a/b/c");
    expect(repositoryOf(stage.path("a/b/c"))?.worktree).toBe(stage.ws);
    expect(repositoryOf(stage.path(".git/refs/heads"))?.gitDir).toBe(stage.path(".git"));
  });
});

describe("bounds", () => {
  it("stops at the limit and says so; a shallow repository is found all the same", () => {
    stage.repository("near");
    for (let at = 0; at < 40; at++) mkdirSync(stage.path(`near/d${at}/x`), { recursive: true });
    stage.repository("near/d0/x/far");
    const scan = scanRoots([stage.ws], { limit: 60 });
    expect(scan.complete).toBe(false);
    expect(scan.repositories.map(({ worktree }) => worktree)).toEqual([stage.path("near")]);
    expect(scanRoots([stage.ws]).repositories).toHaveLength(2);
  });

  it("looks at a directory of a hundred thousand entries in bounded time", () => {
    const memory = openStage(existsSync("/dev/shm") ? "/dev/shm" : undefined);
    try {
      mkdirSync(memory.path("huge"));
      for (let at = 0; at < 100_000; at++) writeFileSync(`${memory.ws}/huge/${at}`, "");
      const began = performance.now();
      expect(scanRoots([memory.ws]).complete).toBe(false);
      expect(performance.now() - began).toBeLessThan(1000);
    } finally {
      memory.close();
    }
  });

  it("skips node_modules, follows no symlink, survives loops and odd names", () => {
    stage.repository("node_modules/x");
    symlinkSync(stage.outside, stage.path("out"));
    stage.git(stage.outside, "init", "-q");
    symlinkSync("..", stage.path("up"));
    const odd = `${stage.ws}/new\nline\u001B[31m`;
    mkdirSync(odd);
    stage.git(odd, "init", "-q");
    expect(scanRoots([stage.ws]).repositories.map(({ worktree }) => worktree)).toEqual([odd]);
  });

  it("names a directory whose name is not text instead of passing it over", () => {
    mkdirSync(Buffer.concat([Buffer.from(`${stage.ws}/`), Buffer.from([0xff, 0xfe])]));
    expect(scanRoots([stage.ws]).unreadable).toHaveLength(1);
  });

  it("lists sockets", async () => {
    mkdirSync(stage.path("run"));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(stage.path("run/s.sock"), resolve));
    expect(scanRoots([stage.ws]).sockets).toEqual([stage.path("run/s.sock")]);
    await new Promise((resolve) => server.close(resolve));
  });

  it("costs little for a workspace with one repository", () => {
    stage.repository();
    for (let at = 0; at < 8; at++) stage.write(`src/d${at}/file.ts`);
    const times = Array.from({ length: 15 }, () => {
      const began = performance.now();
      scanRoots([stage.ws]);
      return performance.now() - began;
    }).toSorted((one, other) => one - other);
    expect(times[7]).toBeLessThan(5);
  });
});

describe("git directories outside the roots", () => {
  it("grants the shared directory of a work tree that it names in return", () => {
    stage.repository("main");
    stage.git(stage.path("main"), "worktree", "add", "-q", "../linked");
    const roots = [stage.path("linked")];
    expect(metadataRoots(roots, scanRoots(roots))).toEqual([stage.path("main/.git")]);
  });

  it("grants nothing to a pointer that a run may have written", () => {
    stage.repository("victim");
    stage.git(stage.path("victim"), "worktree", "add", "-q", "../linked");
    stage.write("root/.git", "gitdir: ../victim/.git\n");
    stage.write("root/second/.git", "gitdir: ../../victim/.git/worktrees/linked\n");
    stage.write("root/bare/HEAD", "ref: refs/heads/main\n");
    stage.write("root/bare/commondir", "../../victim/.git\n");
    stage.write("root/third/.git/HEAD", "ref: refs/heads/main\n");
    stage.write("root/third/.git/commondir", "../../../victim/.git\n");
    const roots = [stage.path("root")];
    expect(scanRoots(roots).repositories.length).toBeGreaterThan(2);
    expect(metadataRoots(roots, scanRoots(roots))).toEqual([]);
  });
});
