import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseProgram } from "../../src/cli/interpreter.ts";

let cwd = "";

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "interpreter-"));
  const files: Readonly<Record<string, string>> = {
    "plain.py": "print(1)",
    "env.py": "#!/usr/bin/env python3\nprint(1)",
    "flags.py": "#!/usr/bin/env -S python3 -u -B \r\nprint(1)",
    direct: "#!/bin/sh -e\necho",
    spaced: "#!  \t/bin/sh\necho",
    bare: "#!python3\n",
    "empty-line": "#!\necho",
    "a.js": "1",
    "a.mjs": "1",
    "a.cjs": "1",
    "a.ts": "1",
    "a.sh": "1",
    "a.rb": "1",
    "a.pl": "1",
    "a.php": "1",
    "a.lua": "1",
    "a.R": "1",
    "a.txt": "1",
    program: "no shebang",
    "elf.py": "\u007fELF\u0002",
    "binary.sh": "x\0y",
    "-x.py": "1",
    "with space.py": "1",
    "empty.py": "",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  mkdirSync(join(cwd, "dir.py"));
  symlinkSync("plain.py", join(cwd, "link.py"));
  execFileSync("mkfifo", [join(cwd, "pipe.py")]);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe("what is executed", () => {
  it.each<[words: readonly [string, ...string[]], program: string, rest: readonly string[], script: string | null]>([
    [["plain.py", "a", "-b"], "python3", ["plain.py", "a", "-b"], "plain.py"],
    [["./plain.py"], "python3", ["./plain.py"], "./plain.py"],
    [["link.py"], "python3", ["link.py"], "link.py"],
    [["with space.py"], "python3", ["with space.py"], "with space.py"],
    [["empty.py"], "python3", ["empty.py"], "empty.py"],
    [["-x.py"], "python3", ["./-x.py"], "./-x.py"],
    [["env.py"], "/usr/bin/env", ["python3", "env.py"], "env.py"],
    [["flags.py", "x"], "/usr/bin/env", ["-S python3 -u -B", "flags.py", "x"], "flags.py"],
    [["./direct"], "/bin/sh", ["-e", "./direct"], "./direct"],
    [["./spaced"], "/bin/sh", ["./spaced"], "./spaced"],
    [["./bare"], "python3", ["./bare"], "./bare"],
    [["a.js"], "node", ["a.js"], "a.js"],
    [["a.mjs"], "node", ["a.mjs"], "a.mjs"],
    [["a.cjs"], "node", ["a.cjs"], "a.cjs"],
    [["a.ts"], "node", ["a.ts"], "a.ts"],
    [["a.sh"], "sh", ["a.sh"], "a.sh"],
    [["a.rb"], "ruby", ["a.rb"], "a.rb"],
    [["a.pl"], "perl", ["a.pl"], "a.pl"],
    [["a.php"], "php", ["a.php"], "a.php"],
    [["a.lua"], "lua", ["a.lua"], "a.lua"],
    [["a.R"], "Rscript", ["a.R"], "a.R"],
    [["./empty-line"], "./empty-line", [], null],
    [["./a.txt"], "./a.txt", [], null],
    [["./program", "x"], "./program", ["x"], null],
    [["program"], "program", [], null],
    [["direct"], "direct", [], null],
    [["elf.py"], "elf.py", [], null],
    [["binary.sh"], "binary.sh", [], null],
    [["dir.py"], "dir.py", [], null],
    [["pipe.py"], "pipe.py", [], null],
    [["absent.py", "x"], "absent.py", ["x"], null],
    [["python3", "plain.py"], "python3", ["plain.py"], null],
    [["/usr/bin/true"], "/usr/bin/true", [], null],
    [["a\0b.py"], "a\0b.py", [], null],
  ])("%j", (words, program, rest, script) => {
    expect(chooseProgram(words, cwd, "22.20.0")).toEqual({ program, arguments: rest, script });
  });

  it.each([
    ["22.18.0", []],
    ["24.1.0", []],
    ["23.6.0", []],
    ["23.5.0", ["--experimental-strip-types"]],
    ["22.6.0", ["--experimental-strip-types"]],
  ])("a .ts file with Node %s", (version, options) => {
    expect(chooseProgram(["a.ts"], cwd, version).arguments).toEqual([...options, "a.ts"]);
  });

  it("a .ts file where Node cannot run it is refused", () => {
    expect(() => chooseProgram(["a.ts"], cwd, "20.20.2")).toThrow("Node.js 20.20.2 cannot run TypeScript");
    expect(chooseProgram(["a.js"], cwd, "20.20.2").program).toBe("node");
  });
});
