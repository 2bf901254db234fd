import { writeFileSync } from "node:fs";
import { array, assert, constantFrom, property } from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { parseGitConfig, withoutEntries } from "../../../src/sandbox/protection/git-config.ts";
import { isUnsafe } from "../../../src/sandbox/protection/unsafe-keys.ts";
import { git, openStage } from "./stage.ts";

const stage = openStage();
afterAll(() => stage.close());

/** What git itself reads: `key\nvalue` records, or null when it refuses the file. */
function byGit(text: string): readonly string[] | null {
  writeFileSync(stage.path("config"), text, "latin1");
  try {
    return git(stage.ws, "config", "-f", stage.path("config"), "--no-includes", "-z", "--list")
      .split("\0")
      .slice(0, -1);
  } catch {
    return null;
  }
}

function byUs(text: string): readonly string[] | null {
  const { entries, broken } = parseGitConfig(text);
  if (broken) return null;
  return entries.map(({ section, subsection, key, value }) => {
    const name = [...(section === "" ? [] : [section]), ...(subsection === null ? [] : [subsection]), key].join(".");
    return value === null ? name : `${name}\n${value}`;
  });
}

describe("reads what git reads", () => {
  it.each([
    ["plain", "[core]\n\tpager = less\n"],
    ["header and key on one line", "[core] pager = x"],
    ["two headers on one line", "[a][core]pager=x\n"],
    ["key without value", "[core]\nbare\n"],
    ["capitals", "[CoRe]\nFsMonitor = X\n"],
    ["subsection with quotes", '[remote "a\\"b\\\\c"]\nurl = x\n'],
    ["old subsection", "[diff.Ext]\ncommand = x\n"],
    ["dotted and quoted", '[a.b "c"]\nd = e\n'],
    ["continued line", "[core]\npager = a\\\n b\n"],
    ["quotes and comments", '[core]\npager = "a # b" c ; d\n'],
    ["escapes", '[core]\npager = a\\tb\\n\\"c\\\\\n'],
    ["byte order mark", "\u00EF\u00BB\u00BF[core]\npager = x\n"],
    ["carriage returns", "[core]\r\npager = x\\\r\ny\r\neditor = z\r\n"],
    ["lone carriage return", "[core]\npager = x\ry\n"],
    ["comment hides nothing on the next line", "# [x] \\\n[core]\npager = x\n"],
    ["end in the middle of a key", "[core]\npager"],
    ["backslash at the end", "[core]\npager = x\\"],
    ["empty value", "[core]\npager =\n"],
    ["key before any section", "pager = x\n"],
    ["open quote", '[core]\npager = "x\n'],
    ["unknown escape", "[core]\npager = \\q\n"],
    ["underscore in a key", "[core]\na_b = x\n"],
    ["comment after a bare key", "[core]\nbare # x\n"],
    ["open header", "[core\npager = x\n"],
    ["line break in a subsection", '[a "b\nc"]\nd = e\n'],
    ["form feed", "[core]\n\fpager = x\n"],
  ])("%s", (_, text) => expect(byUs(text)?.map(flat) ?? null).toEqual(byGit(text)?.map(flat) ?? null));

  it("whatever the text (the twin of every way round)", () => {
    const piece = constantFrom(
      "[",
      "]",
      "core",
      ".",
      "-",
      '"',
      "\\",
      "\n",
      "\r\n",
      "\r",
      "\t",
      " ",
      "=",
      "#",
      ";",
      "a",
      "Ab",
      "n",
      "[core]\n",
      "pager = ",
      '[x "y"]',
    );
    assert(
      property(
        array(piece, { maxLength: 14 }).map((parts) => parts.join("")),
        (text) => {
          const expected = byGit(`[core]\n${text}`);
          expect(byUs(`[core]\n${text}`)?.map(flat) ?? null).toEqual(expected?.map(flat) ?? null);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("calls a file with NUL broken", () => expect(parseGitConfig("[core]\npager = a\0b\n").broken).toBe(true));
  it("is linear in hostile input", () => {
    const began = performance.now();
    parseGitConfig(`[a "${"\\\\".repeat(200_000)}"]\nb = ${'"x" '.repeat(100_000)}`);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

/** Versions of git differ in what they make of blanks inside and after a value. */
function flat(record: string): string {
  return record.replace(/[\t\r ]/g, " ").trimEnd();
}

describe("takes entries out and leaves every other byte", () => {
  it.each([
    ["own line", "[core]\n\tbare = x\n\tpager = y\n\teditor = z # k\n", "[core]\n\tbare = x\n\teditor = z # k\n"],
    ["beside the header", "[core] pager = y\n\tbare\n", "[core] \n\tbare\n"],
    ["continued", "[core]\n  pager = a\\\n b\n  bare\n", "[core]\n  bare\n"],
    ["carriage returns", "[core]\r\n  pager = a\r\n  bare\r\n", "[core]\r\n  bare\r\n"],
    ["at the end", "[core]\npager", "[core]\n"],
    ["none", "[core]\n\u00E9 ; x\n", "[core]\n\u00E9 ; x\n"],
  ])("%s", (_, text, rest) => {
    const { entries } = parseGitConfig(text);
    expect(
      withoutEntries(
        text,
        entries.filter(({ key }) => key === "pager"),
      ),
    ).toBe(rest);
  });
});

function unsafe(text: string): boolean {
  const place = { gitDir: stage.path("r/.git"), roots: [stage.ws] };
  const { entries, broken } = parseGitConfig(text);
  expect(broken).toBe(false);
  return entries.some((entry) => isUnsafe(entry, place));
}

describe("unsafe keys", () => {
  it.each([
    "[core] fsmonitor = /x",
    "[core] sshCommand = x",
    "[core] hooksPath = x",
    "[core] worktree = /etc",
    "[core] worktree = ../../../outside",
    "[CORE] PAGER = x",
    "[core] editor = x",
    "[core] gitProxy = x",
    "[core] alternateRefsCommand = x",
    "[diff] external = x",
    '[diff "a"] command = x',
    '[diff "a.b"] textconv = x',
    "[diff.a] command = x",
    '[merge "a"] driver = x',
    '[filter "lfs"] clean = x',
    '[filter "lfs"] smudge = x',
    '[filter "lfs"] process = x',
    "[alias] st = !x",
    '[alias] st = "!x"',
    "[credential] helper = x",
    '[credential "https://x"] helper = x',
    '[gpg "ssh"] program = x',
    '[gpg "ssh"] defaultKeyCommand = x',
    "[include] path = x",
    '[includeIf "gitdir:/"] path = x',
    "[uploadpack] packObjectsHook = x",
    '[remote "o"] uploadpack = x',
    '[remote "o"] vcs = x',
    '[remote "o"] url = ext::sh -c x',
    '[url "ext::sh -c x #"] insteadOf = https://',
    '[protocol "ext"] allow = always',
    "[sequence] editor = x",
    '[submodule "s"] update = !x',
    "[pager] log = x",
    '[difftool "a"] cmd = x',
    '[mergetool "a"] cmd = x',
    '[trailer "a"] command = x',
    '[tar "x"] command = x',
    '[lfs "customtransfer.x"] path = x',
    '[hook "x"] command = x',
    '[tomorrow "x"] someCommand = x',
  ])("%s", (text) => expect(unsafe(text)).toBe(true));

  it.each([
    "[core] bare = false",
    "[core] fsmonitor = true",
    "[core] worktree = ../../sub",
    "[core] repositoryformatversion = 0",
    '[remote "origin"] url = https://example.com/x.git',
    '[remote "origin"] url = git@example.com:x.git',
    '[remote "origin"] fetch = +refs/heads/*:refs/remotes/origin/*',
    '[branch "main"] merge = refs/heads/main',
    "[alias] st = status",
    '[url "https://mirror.example/"] insteadOf = https://example.com/',
    "[user] name = A",
    '[submodule "s"] active = true',
    "[extensions] worktreeConfig = true",
  ])("keeps %s", (text) => expect(unsafe(text)).toBe(false));
});
