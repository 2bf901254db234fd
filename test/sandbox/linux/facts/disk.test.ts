import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { absolutePath } from "../../../../src/policy/index.ts";
import { openDisk } from "../../../../src/sandbox/linux/facts/index.ts";

const root = absolutePath(realpathSync(mkdtempSync(`${tmpdir()}/disk-`)));
const at = (path: string) => absolutePath(`${root}/${path}`);

beforeAll(() => {
  mkdirSync(at("a/b"), { recursive: true });
  writeFileSync(at("a/file"), "text\n");
  symlinkSync("a", at("to-a"));
  symlinkSync(at("a/b"), at("to-b"));
  symlinkSync("../outside/new", at("a/dangling"));
  symlinkSync("nowhere/../a", at("a/back"));
  symlinkSync("loop", at("loop"));
  for (let index = 0; index < 300; index++) symlinkSync(`c${index + 1}`, at(`c${index}`));
  writeFileSync(at("c300"), "");
  execFileSync("mkfifo", [at("fifo")]);
  symlinkSync(Buffer.concat([Buffer.from(`${root}/x-`), Buffer.from([0xff])]), at("to-bytes"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("canonical", () => {
  const cases: readonly (readonly [name: string, path: string, expected: string | null])[] = [
    ["an existing path is itself", "a/b", "a/b"],
    ["a symlinked directory", "to-a/b", "a/b"],
    ["an absolute link", "to-b", "a/b"],
    ["a missing name keeps its place", "a/new", "a/new"],
    ["a missing name below a link", "to-a/x/y", "a/x/y"],
    ["a dangling link is its target", "a/dangling", "outside/new"],
    ["what lies below a dangling link", "to-a/dangling/z", "outside/new/z"],
    ["a way back out of what is missing", "a/back", null],
    ["a loop", "loop", null],
    ["below a loop", "loop/x", null],
    ["three hundred links", "c0", null],
    ["below a file", "a/file/x", null],
    ["a name too long", `a/${"n".repeat(256)}`, null],
    ["the longest name", `a/${"n".repeat(255)}`, `a/${"n".repeat(255)}`],
    ["a missing name too long below a missing one", `a/new/${"n".repeat(256)}`, null],
    ["a path too long", Array.from({ length: 100 }, () => "d".repeat(50)).join("/"), null],
    ["a target that is not UTF-8", "to-bytes", null],
  ];
  it.each(cases)("%s", (_, path, expected) => {
    expect(openDisk().canonical(at(path))).toBe(expected === null ? null : at(expected));
  });

  it("gives one answer in one gathering, and a new one in the next", () => {
    const disk = openDisk();
    expect(disk.canonical(at("late"))).toBe(at("late"));
    symlinkSync("a", at("late"));
    expect(disk.canonical(at("late"))).toBe(at("late"));
    expect(openDisk().canonical(at("late"))).toBe(at("a"));
  });

  it("denies below a directory that may not be searched, as an ordinary user", () => {
    mkdirSync(at("closed/in"), { recursive: true });
    chmodSync(at("closed"), 0o000);
    chmodSync(root, 0o755);
    if (process.geteuid?.() === 0) {
      process.seteuid?.(65_534);
      try {
        expect(openDisk().canonical(at("closed/in"))).toBeNull();
        expect(openDisk().canonical(at("closed/new"))).toBeNull();
        expect(openDisk().canonical(at("a/b"))).toBe(at("a/b"));
      } finally {
        process.seteuid?.(0);
      }
    } else {
      expect(openDisk().canonical(at("closed/in"))).toBeNull();
    }
    chmodSync(at("closed"), 0o755);
    expect(openDisk().canonical(at("closed/in"))).toBe(at("closed/in"));
  });
});

describe("look, list, text", () => {
  it("tells kinds without following links", async () => {
    const server = createServer().listen(at("socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    const { look, list } = openDisk();
    const kinds = ["a", "a/file", "to-a", "socket", "fifo", "none", "a/file/x"].map((path) => look(at(path)).kind);
    expect(kinds).toEqual(["directory", "file", "symlink", "socket", "fifo", "missing", "missing"]);
    expect(look(absolutePath("/dev/null")).kind).toBe("device");
    expect(list(root).get("fifo")).toBe("fifo");
    server.close();
  });

  it("reads files, also those of /proc, and nothing that is none", () => {
    const { text } = openDisk();
    expect(text(at("a/file"))).toBe("text\n");
    expect(text(absolutePath("/proc/self/status"))).toContain("Name:");
    expect(text(at("to-a/file"))).toBe("text\n");
    for (const path of ["fifo", "a", "none", "loop"]) expect(text(at(path))).toBeNull();
    expect(text(at("a/file"), 4)).toBeNull();
    expect(text(at("a/file"), 5)).toBe("text\n");
  });
});
