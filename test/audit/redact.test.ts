import { readFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { journalPath, openSession, redactArgv, redactText } from "../../src/audit/index.ts";

const R = "[redacted]";

describe("redactText", () => {
  it.each<[string, string]>([
    ["https://me:hunter2@example.com/x", `https://me:${R}@example.com/x`],
    ["https://ghp_abc@github.com/x.git", `https://${R}@github.com/x.git`],
    ["postgres://u:p%40ss@db:5432/d", `postgres://u:${R}@db:5432/d`],
    ["GITHUB_TOKEN=abc make", `GITHUB_TOKEN=${R} make`],
    ["env AWS_SECRET_ACCESS_KEY='a b c' x", `env AWS_SECRET_ACCESS_KEY='${R}' x`],
    ["MYSQL_PWD=x", `MYSQL_PWD=${R}`],
    ["curl https://h/?a=1&access_token=zzz&b=2", `curl https://h/?a=1&access_token=${R}&b=2`],
    ["prog --password hunter2 --depth 3", `prog --password ${R} --depth 3`],
    ["prog --api-key=hunter2 rest", `prog --api-key=${R} rest`],
    ['curl -H "Authorization: Bearer abc.def" https://h', `curl -H "Authorization: ${R}" https://h`],
    ['{"user":"me","password":"a\\"b","n":1}', `{"user":"me","password":"${R}","n":1}`],
    ['{"authToken": "x"}', `{"authToken": "${R}"}`],
    ["use ghp_0123456789abcdefghij now", `use ${R} now`],
    ["jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", `jwt ${R} end`],
    [
      "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
      `-----BEGIN PRIVATE KEY-----${R}-----END PRIVATE KEY-----`,
    ],
  ])("hides the secret in %s", (text, expected) => expect(redactText(text)).toBe(expected));

  it.each([
    "https://example.com:8443/x@y",
    "ssh://git@github.com/o/r.git",
    "git@github.com:o/r.git",
    "PWD=/home/me",
    "PATH=/usr/bin:/bin",
    "--max-tokens 100",
    "--tokenizer gpt2",
    "--token-file /run/t",
    "--key-id 7",
    "KeyError: 'HOME'",
    "cat: /etc/shadow: Permission denied",
    "std::io::Error: nothing",
    "",
  ])("leaves %s", (text) => expect(redactText(text)).toBe(text));

  it.each<[string, string]>([
    ["://", "://"],
    ["a:b@", "a=b@"],
    ["--token ", "--token "],
    ["password:", "token="],
    ["eyJ", "eyJ"],
    ["'\"", "\\"],
    ["PRIVATE KEY-----", "-----END"],
    [" ", ":"],
  ])("stays linear on 100 KB of %s and %s", (one, other) => {
    for (const hostile of [one.repeat(100_000 / one.length), (one + other).repeat(50_000 / one.length)]) {
      const start = performance.now();
      redactText(hostile);
      expect(performance.now() - start).toBeLessThan(250);
    }
  });
});

describe("redactArgv", () => {
  it("hides an argument whose flag names a secret, whatever it holds", () => {
    expect(redactArgv(["x", "--token", "a b", "--name", "n", "-u", "me:pw", "--user", "1000:1000"])).toEqual([
      "x",
      "--token",
      R,
      "--name",
      "n",
      "-u",
      `me:${R}`,
      "--user",
      "1000:1000",
    ]);
  });

  it("reaches the file: no secret of the command line is in it", () => {
    const home = mkdtempSync(join(tmpdir(), "redact-"));
    const argv = [
      "deploy",
      "--token",
      "s3cr3t-a",
      "KEY=s3cr3t-b",
      "https://u:s3cr3t-c@h/",
      "sh",
      "-c",
      "TOKEN=s3cr3t-d x",
      "plain",
    ];
    const session = openSession({
      ephemeral: false,
      argv,
      cwd: "/",
      version: "0",
      environment: new Map([["HOME", home]]),
    });
    session.journal.close();
    const text = readFileSync(journalPath(session.folder ?? ""), "latin1");
    expect(text).not.toContain("s3cr3t");
    expect(text).toContain('"plain"');
    rmSync(home, { recursive: true });
  });
});
