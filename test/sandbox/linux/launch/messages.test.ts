import { describe, expect, it } from "vitest";
import { GuardReader, initMessage, LineReader } from "../../../../src/sandbox/linux/launch/messages.ts";

describe("reports of init", () => {
  it.each([
    ["ready", { kind: "ready" }],
    ["failed expect 13 /a b: not there", { kind: "failed", step: "expect", errno: 13, text: "/a b: not there" }],
    ["noexec 2", { kind: "noexec", errno: 2 }],
    ["limit memory 4096", { kind: "limit", what: "memory", used: 4096 }],
    ["tampered /w/.git/my config", { kind: "tampered", path: "/w/.git/my config" }],
    ["exit 3", { kind: "exit", code: 3 }],
    ["signal 15", { kind: "signal", number: 15 }],
    ["limit time 3", null],
    ["anything else", null],
  ])("%s", (line, message) => expect(initMessage(line)).toEqual(message));

  it("come whole however they are cut", () => {
    const reader = new LineReader();
    expect([...Buffer.from("rebound /ü\nsig")].flatMap((byte) => reader.read(Buffer.from([byte])))).toEqual([
      "rebound /ü",
    ]);
    expect(reader.read(Buffer.from("nal 9\n"))).toEqual(["signal 9"]);
  });
});

describe("reports of the guard", () => {
  const text =
    "quarantined /w/a\\040b\\134c /q/0-a\nunswept /w/x Device busy\nfailed owner 1 not allowed\nstderr 9\nno\nlines\nend 0\n";
  const messages = [
    { kind: "quarantined", path: "/w/a b\\c", to: "/q/0-a" },
    { kind: "unswept", path: "/w/x", text: "Device busy" },
    { kind: "failed", step: "owner", text: "not allowed" },
    { kind: "stderr", bytes: Buffer.from("no\nlines\n") },
    { kind: "end", status: 0 },
  ];

  it("come whole, raw bytes included", () => expect(new GuardReader().read(Buffer.from(text))).toEqual(messages));

  it("come whole byte by byte", () => {
    const reader = new GuardReader();
    expect([...Buffer.from(text)].flatMap((byte) => reader.read(Buffer.from([byte])))).toEqual(messages);
  });
});
