import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { readQuery, showQuery } from "../../src/policy/words/query-text.ts";
import { showWords } from "../../src/cli/words.ts";
import type { Query } from "../../src/policy/index.ts";

describe("a question", () => {
  it.each<[words: readonly string[], query: Query, shown: string]>([
    [["read", "/etc/shadow"], { op: "read", path: "/etc/shadow" }, "read /etc/shadow"],
    [["write", "src/a b"], { op: "write", path: "/work/src/a b" }, "write /work/src/a b"],
    [["list", "~"], { op: "list", path: "/home/me" }, "list /home/me"],
    [["read", "~/.ssh"], { op: "read", path: "/home/me/.ssh" }, "read /home/me/.ssh"],
    [["move", "~x"], { op: "move", path: "/work/~x" }, "move /work/~x"],
    [["connect", "example.com:443"], { op: "connect", host: "example.com", port: 443 }, "connect example.com:443"],
    [["connect", "[2001:db8::1]:80"], { op: "connect", host: "2001:db8::1", port: 80 }, "connect [2001:db8::1]:80"],
    [["connect_unix", "/run/x.sock"], { op: "connect_unix", path: "/run/x.sock" }, "connect_unix /run/x.sock"],
    [["bind", "8080"], { op: "bind", port: 8080 }, "bind 8080"],
    [["dns", "example.com"], { op: "dns", name: "example.com" }, "dns example.com"],
    [["env", "HOME"], { op: "env", name: "HOME" }, "env HOME"],
    [["read", "/a\nb"], { op: "read", path: "/a\nb" }, "read /a\\nb"],
  ])("%j", (words, query, shown) => {
    expect(readQuery(words, "/work", "/home/me")).toEqual(query);
    expect(showQuery(query)).toBe(shown);
  });

  it.each<[words: readonly string[], says: string]>([
    [[], "a question is missing"],
    [["raed", "/x"], "did you mean read?"],
    [["toString", "/x"], "is no question"],
    [["read"], "read takes one PATH"],
    [["read", ""], "read takes one PATH"],
    [["read", "/a", "/b"], "read takes one PATH"],
    [["read", "/a\0b"], "NUL"],
    [["connect", "example.com"], "is not HOST:PORT"],
    [["connect", "2001:db8::1:80"], "is not HOST:PORT"],
    [["connect", "example.com:0"], "is not a port"],
    [["connect", "example.com:70000"], "is not a port"],
    [["bind", "http"], "is not a port"],
  ])("%j is none", (words, says) => {
    expect(() => readQuery(words, "/work", "/home/me")).toThrow(says);
  });
});

describe("words to be typed again", () => {
  it.each([
    [["--read", "/data/x"], "--read /data/x"],
    [["--read", "/data/x y"], "--read '/data/x y'"],
    [["--read", "it's"], "--read 'it'\\''s'"],
    [["--read", ""], "--read ''"],
    [["$(reboot)", "`x`", "a;b", "*"], "'$(reboot)' '`x`' 'a;b' '*'"],
    [["a\nb\u001b'c"], "$'a\\nb\\x1b\\'c'"],
    [["a\u202eb"], "$'a\\U0000202eb'"],
  ])("%j", (words, shown) => {
    expect(showWords(words)).toBe(shown);
  });

  it("come back from a shell as they were", () => {
    const words = [
      "plain",
      "a b",
      "it's",
      "$HOME",
      "`x`",
      "!x",
      "a\nb",
      "\u001b[31m",
      "a\\b",
      "a\\nb\t'",
      "\u202e",
      "é",
      "",
    ];
    const out = execFileSync("bash", ["--norc", "-c", `printf '%s\\0' ${showWords(words)}`], {
      env: { LC_ALL: "C.UTF-8" },
    });
    expect(out.toString().split("\0").slice(0, -1)).toEqual(words);
  });
});
