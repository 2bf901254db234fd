import { chmodSync, existsSync, linkSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absolutePath } from "../../../src/policy/index.ts";
import { applyChanges } from "../../../src/session/files/change/apply.ts";
import { readFile } from "../../../src/session/files/read.ts";
import { Seen } from "../../../src/session/files/seen.ts";
import { planWrite } from "../../../src/session/files/write.ts";
import { authorityOver, codeOf, openStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeEach(() => {
  stage = openStage();
  stage.put("a.txt", "one\ntwo\nthree\n");
  stage.put("src/b.txt", "alpha\nbeta\n");
});
afterEach(() => stage.close());

const begin = (...lines: readonly string[]): string => ["*** Begin Patch", ...lines, "*** End Patch"].join("\n");

const forms: readonly (readonly [name: string, patch: string, results: Readonly<Record<string, string | null>>])[] = [
  ["an update", begin("*** Update File: a.txt", "@@", " one", "-two", "+2"), { "a.txt": "one\n2\nthree\n" }],
  ["one without @@", begin("*** Update File: a.txt", "-two", "+2"), { "a.txt": "one\n2\nthree\n" }],
  [
    "two pieces, an anchor and the end",
    begin("*** Update File: a.txt", "@@", "-one", "+1", "@@ two", "-three", "+3", "*** End of File"),
    { "a.txt": "1\ntwo\n3\n" },
  ],
  [
    "an insertion behind an anchor",
    begin("*** Update File: a.txt", "@@ one", "+1.5"),
    { "a.txt": "one\n1.5\ntwo\nthree\n" },
  ],
  ["an insertion at the end", begin("*** Update File: a.txt", "+four"), { "a.txt": "one\ntwo\nthree\nfour\n" }],
  ["an empty line too many", begin("*** Update File: a.txt", " two", "-three", "+3", ""), { "a.txt": "one\ntwo\n3\n" }],
  ["blanks that differ", begin("*** Update File: a.txt", "   one  ", "-two\t", "+2"), { "a.txt": "one\n2\nthree\n" }],
  ["a new file in new directories", begin("*** Add File: x/y/z", "+hello", "+"), { "x/y/z": "hello\n\n" }],
  ["an empty file", begin("*** Add File: empty"), { empty: "" }],
  ["a removal", begin("*** Delete File: a.txt"), { "a.txt": null }],
  [
    "a move with a change",
    begin("*** Update File: a.txt", "*** Move to: src/c.txt", "@@", "-two", "+2"),
    { "a.txt": null, "src/c.txt": "one\n2\nthree\n" },
  ],
  [
    "a move alone",
    begin("*** Update File: a.txt", "*** Move to: c.txt"),
    { "a.txt": null, "c.txt": "one\ntwo\nthree\n" },
  ],
  [
    "several files, as a here-document with carriage returns",
    ["<<'EOF'", begin("*** Delete File: a.txt", "*** Update File: src/b.txt", "-beta", "+B"), "EOF"]
      .join("\n")
      .replaceAll("\n", "\r\n"),
    { "a.txt": null, "src/b.txt": "alpha\nB\n" },
  ],
  ["a diff", "--- a.txt\n+++ a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n", { "a.txt": "one\n2\nthree\n" }],
  [
    "git's",
    "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -2 +2 @@\n-two\n+2\n",
    { "a.txt": "one\n2\nthree\n" },
  ],
  ["one that is some lines off", "--- a.txt\n+++ a.txt\n@@ -1 +1 @@\n-three\n+3\n", { "a.txt": "one\ntwo\n3\n" }],
  ["a new file", "--- /dev/null\n+++ b/n\n@@ -0,0 +1,2 @@\n+x\n+y\n\\ No newline at end of file\n", { n: "x\ny" }],
  ["a file that goes", "--- a/src/b.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-alpha\n-beta\n", { "src/b.txt": null }],
  [
    "a rename of git's",
    "diff --git a/a.txt b/src/n.txt\nsimilarity index 100%\nrename from a.txt\nrename to src/n.txt\n",
    { "a.txt": null, "src/n.txt": "one\ntwo\nthree\n" },
  ],
  [
    "the last line break taken away",
    "--- a.txt\n+++ a.txt\n@@ -3 +3 @@\n-three\n+three\n\\ No newline at end of file\n",
    { "a.txt": "one\ntwo\nthree" },
  ],
  ["lines put in at the top", "--- a.txt\n+++ a.txt\n@@ -0,0 +1 @@\n+zero\n", { "a.txt": "zero\none\ntwo\nthree\n" }],
];

describe("does what a patch says", () => {
  it.each(forms)("%s", (_, patch, results) => {
    const { files } = stage.patch(patch);
    for (const [path, text] of Object.entries(results)) expect(stage.text(path)).toBe(text);
    expect(files.length).toBeGreaterThan(0);
    expect(stage.names().filter((name) => name.startsWith(".sandboxed"))).toEqual([]);
  });

  it("to the file that path names, whatever the headers say", () => {
    stage.patch("--- before\n+++ after\n@@ -1 +1 @@\n-alpha\n+A\n", { path: "src/b.txt" });
    expect(stage.text("src/b.txt")).toBe("A\nbeta\n");
  });

  it("and keeps carriage returns, the byte order mark and the mode", () => {
    stage.put("dos.txt", "\uFEFFone\r\ntwo\r\n");
    chmodSync(join(stage.ws, "dos.txt"), 0o751);
    stage.patch(begin("*** Update File: dos.txt", " \uFEFFone", "-two", "+2", "+3"));
    expect(stage.text("dos.txt")).toBe("\uFEFFone\r\n2\r\n3\r\n");
    expect(statSync(join(stage.ws, "dos.txt")).mode & 0o777).toBe(0o751);
  });

  it("and tells what it did", () => {
    const { files, diff } = stage.patch(
      begin("*** Update File: a.txt", "-two", "+2", "+2.5", "*** Delete File: src/b.txt"),
    );
    expect(files.map(({ path, change, added, removed }) => [path, change, added, removed])).toEqual([
      ["a.txt", "update", 2, 1],
      ["src/b.txt", "delete", 0, 2],
    ]);
    expect(files[0]?.after).toBe(readFile(authorityOver(), stage.asked("a.txt")).sha256);
    expect(diff).toContain("-two\n+2\n+2.5\n");
  });

  it("to a file with another name besides, which keeps what it had", () => {
    linkSync(join(stage.ws, "a.txt"), join(stage.outside, "twin"));
    stage.patch(begin("*** Update File: a.txt", "-two", "+2"));
    expect(stage.text("a.txt")).toBe("one\n2\nthree\n");
    expect(readFileSync(join(stage.outside, "twin"), "utf8")).toBe("one\ntwo\nthree\n");
  });

  it("to an executable file that is new", () => {
    stage.patch("diff --git a/run b/run\nnew file mode 100755\n--- /dev/null\n+++ b/run\n@@ -0,0 +1 @@\n+#!/bin/sh\n");
    expect(statSync(join(stage.ws, "run")).mode & 0o100).toBe(0o100);
  });
});

const other = (path: string): string =>
  begin("*** Update File: a.txt", "-two", "+2", `*** Update File: ${path}`, "-alpha", "+A");

describe("does nothing at all where one part cannot be done", () => {
  it.each([
    [
      "lines that are not there",
      begin("*** Update File: src/b.txt", "-alpha", "+A", "*** Update File: a.txt", "-four"),
      "conflict",
    ],
    ["lines in another order", begin("*** Update File: a.txt", "-three", "@@", "-one"), "conflict"],
    ["a file that is missing", other("nothing"), "not_found"],
    ["a file through a link", other("link"), "unsupported"],
    ["a directory", other("src"), "unsupported"],
    ["a name outside", other("../outside/x"), "policy_denied"],
    ["an absolute one through a link", other("away/x"), "policy_denied"],
    ["one file twice", other("./a.txt"), "conflict"],
    [
      "one file moved and changed",
      begin("*** Update File: a.txt", "*** Move to: c", "*** Add File: c", "+"),
      "invalid_params",
    ],
    ["a new file that exists", begin("*** Update File: a.txt", "-two", "*** Add File: src/b.txt", "+x"), "conflict"],
    ["a move to a name that exists", begin("*** Update File: a.txt", "*** Move to: src/b.txt"), "conflict"],
    ["a removal of more than is there", "--- a.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n", "conflict"],
    ["a change of mode", "diff --git a/a.txt b/a.txt\nold mode 100644\nnew mode 100755\n", "invalid_params"],
    [
      "a symlink",
      "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n",
      "invalid_params",
    ],
    ["a binary patch", "diff --git a/a.txt b/a.txt\nBinary files a/a.txt and b/a.txt differ\n", "invalid_params"],
    ["no patch", "hello", "invalid_params"],
    ["an empty one", begin(), "invalid_params"],
    ["one without its end", "*** Begin Patch\n*** Delete File: a.txt", "invalid_params"],
    ["one that goes on", `${begin("*** Delete File: a.txt")}\nrm -rf /`, "invalid_params"],
    ["an unknown marker", begin("*** Rename File: a.txt"), "invalid_params"],
    ["a line of no kind", begin("*** Update File: a.txt", "-two", "three"), "invalid_params"],
    ["a wrong count", "--- a.txt\n+++ a.txt\n@@ -1,9 +1,9 @@\n-one\n+1\n", "invalid_params"],
    ["no numbers", "--- a.txt\n+++ a.txt\n@@ one\n-one\n+1\n", "invalid_params"],
  ])("%s", (_, patch, code) => {
    symlinkSync("a.txt", join(stage.ws, "link"));
    symlinkSync(stage.outside, join(stage.ws, "away"));
    const before = stage.names();
    expect(codeOf(() => stage.patch(patch))).toBe(code);
    expect([stage.text("a.txt"), stage.text("src/b.txt")]).toEqual(["one\ntwo\nthree\n", "alpha\nbeta\n"]);
    expect([stage.names(), stage.names("src"), stage.names(stage.outside)]).toEqual([before, ["b.txt"], []]);
  });

  it("also when that shows in the middle: what was done is taken back", () => {
    const patch = begin(
      "*** Add File: new/n",
      "+x",
      "*** Update File: a.txt",
      "-two",
      "+2",
      "*** Delete File: src/b.txt",
    );
    const { changes } = stage.plan(patch);
    // The last file is removed twice: by then the new file is there and the other one replaced.
    expect(codeOf(() => applyChanges(authorityOver(), [...changes, ...changes.slice(-1)]))).toBe("conflict");
    expect([stage.text("a.txt"), stage.text("src/b.txt")]).toEqual(["one\ntwo\nthree\n", "alpha\nbeta\n"]);
    expect([stage.names(), stage.names("src")]).toEqual([["a.txt", "src"], ["b.txt"]]);
    applyChanges(authorityOver(), changes);
    expect([stage.names(), stage.names("src"), stage.text("a.txt")]).toEqual([
      ["a.txt", "new", "src"],
      [],
      "one\n2\nthree\n",
    ]);
  });

  it("also when somebody takes the name of a new file first", () => {
    const [change] = stage.plan(begin("*** Add File: n", "+x")).changes;
    if (change === undefined) throw new Error("nothing planned");
    expect(codeOf(() => applyChanges(authorityOver(), [change, change]))).toBe("conflict");
    expect(stage.names()).toEqual(["a.txt", "src"]);
  });
});

describe("refuses a file that changed", () => {
  it("since it was read", () => {
    const seen = new Seen();
    seen.note(readFile(authorityOver(), stage.asked("a.txt")));
    writeFileSync(join(stage.ws, "a.txt"), "zero\none\ntwo\nthree\n");
    const patch = begin("*** Update File: a.txt", "-two", "+2");
    expect(codeOf(() => stage.patch(patch, { seen }))).toBe("conflict");
    expect(codeOf(() => stage.write("a.txt", "all new", { seen }))).toBe("conflict");
    seen.note(readFile(authorityOver(), stage.asked("a.txt")));
    expect(codeOf(() => stage.patch(patch, { seen }))).toBe("done");
  });

  it("since it was shown to whoever approved", () => {
    const patch = begin("*** Update File: a.txt", "-two", "+2");
    const planned = stage.plan(patch);
    writeFileSync(join(stage.ws, "a.txt"), "two\n");
    expect(codeOf(() => applyChanges(authorityOver(), planned.changes))).toBe("conflict");
    expect(stage.text("a.txt")).toBe("two\n");
  });

  it("or is by now reached another way", () => {
    const planned = stage.plan(begin("*** Add File: d/n", "+x"));
    symlinkSync("src", join(stage.ws, "d"));
    expect(codeOf(() => applyChanges(authorityOver(), planned.changes))).toBe("conflict");
    expect(stage.names("src")).toEqual(["b.txt"]);
  });
});

describe("asks for each name what the change does to it", () => {
  const move = begin("*** Update File: a.txt", "*** Move to: src/c.txt");
  it.each([
    ["write", "a.txt", begin("*** Update File: a.txt", "-two")],
    ["read", "a.txt", begin("*** Update File: a.txt", "-two")],
    ["move", "a.txt", begin("*** Update File: a.txt", "-two")],
    ["create", "n", begin("*** Add File: n", "+x")],
    ["create", "d", begin("*** Add File: d/n", "+x")],
    ["move", "a.txt", begin("*** Delete File: a.txt")],
    ["move", "a.txt", move],
    ["create", "src/c.txt", move],
    ["move", "src/c.txt", move],
  ])("%s of %s", (op, path, patch) => {
    const refusing = authorityOver(
      (query) => query.op === op && "path" in query && query.path === join(stage.ws, path),
    );
    expect(codeOf(() => stage.patch(patch, { authority: refusing }))).toBe("policy_denied");
    expect([stage.names(), stage.names("src")]).toEqual([["a.txt", "src"], ["b.txt"]]);
    expect(codeOf(() => stage.patch(patch))).toBe("done");
  });

  it("within what the capability covers, the new name too", () => {
    const scoped = authorityOver(() => false, absolutePath(join(stage.ws, "src")));
    const into = begin("*** Update File: src/b.txt", "*** Move to: b.txt");
    expect(codeOf(() => stage.patch(into, { authority: scoped }))).toBe("not_granted");
    expect(codeOf(() => stage.patch(begin("*** Delete File: src/b.txt"), { authority: scoped }))).toBe("done");
  });

  it.each([
    ".git/hooks/pre-commit",
    "sub/.git/config",
    ".GIT/hooks/x",
    "sub/.git/modules/m/hooks/x",
    ".g\u200Bit/config",
  ])("and never makes a setting of git: %s", (path) => {
    expect(codeOf(() => stage.patch(begin(`*** Add File: ${path}`, "+x")))).toBe("policy_denied");
    expect(codeOf(() => stage.write(path, "x"))).toBe("policy_denied");
    stage.put(path, "old\n");
    expect(codeOf(() => stage.patch(begin(`*** Delete File: ${path}`)))).toBe("policy_denied");
    expect(codeOf(() => stage.patch(begin("*** Update File: a.txt", `*** Move to: ${path}2`)))).toMatch(/denied|done/);
    expect(stage.text(path)).toBe("old\n");
    expect(stage.read(path)).toBe("old\n");
  });
});

it("writes a file whole, new or not", () => {
  stage.write("a.txt", "all new");
  stage.write("d/e/f", "deep");
  expect([stage.text("a.txt"), stage.text("d/e/f")]).toEqual(["all new", "deep"]);
  symlinkSync("a.txt", join(stage.ws, "link"));
  symlinkSync(join(stage.outside, "new"), join(stage.ws, "dangling"));
  expect(codeOf(() => stage.write("link", "x"))).toBe("unsupported");
  expect(codeOf(() => stage.write("dangling", "x"))).toBe("unsupported");
  expect([stage.text("a.txt"), existsSync(join(stage.outside, "new"))]).toEqual(["all new", false]);
});

describe("a text of more lines than are compared", () => {
  const change = (path: string): string => begin(`*** Update File: ${path}`, "-first", "+1st");
  const lines = (count: number): string => `first\n${"x\n".repeat(count - 1)}`;

  it("is not patched; one line fewer, and it is", () => {
    stage.put("long", lines(200_001));
    stage.put("less", lines(200_000));
    expect(codeOf(() => stage.patch(change("long")))).toBe("too_large");
    stage.patch(change("less"));
    expect([stage.text("long")?.slice(0, 6), stage.text("less")?.slice(0, 4)]).toEqual(["first\n", "1st\n"]);
  });

  it("is not patched in either form of patch", () => {
    for (const patch of [
      begin("*** Add File: new", Array<string>(200_001).fill("+x").join("\n")),
      `--- /dev/null\n+++ new\n@@ -0,0 +1,200001 @@\n${"+x\n".repeat(200_001)}`,
    ])
      expect(codeOf(() => stage.patch(patch))).toBe("too_large");
    expect(stage.text("new")).toBeNull();
  });

  it("is written, and shown to whoever approves as what it is", () => {
    const planned = (text: string) => planWrite(authorityOver(), stage.asked("a.txt"), Buffer.from(text), null);
    expect(planned(lines(200_001)).diff).toContain("More than 200000 lines, not compared: 14 bytes become 400006\n");
    expect(planned("one\n2\nthree\n").diff).toContain("-two\n+2\n");
    stage.write("a.txt", lines(200_001));
    expect(stage.text("a.txt")).toBe(lines(200_001));
  });
});
