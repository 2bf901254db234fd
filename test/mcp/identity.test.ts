import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admit } from "../../src/mcp/index.ts";
import type { McpIdentity, TextMatcher } from "../../src/policy/index.ts";
import { allowlist, here, httpServer, stdioServer } from "./server.ts";

let folder = "";
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "identity-")));
  writeFileSync(join(folder, "docs-mcp"), "#!/bin/sh\n");
  chmodSync(join(folder, "docs-mcp"), 0o755);
  copyFileSync(join(folder, "docs-mcp"), join(folder, "copy"));
  symlinkSync(join(folder, "docs-mcp"), join(folder, "link"));
  symlinkSync("/bin/cat", join(folder, "cat"));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Command = Extract<McpIdentity, { kind: "command" }>;

function command(more: Partial<Command> = {}): Command {
  return {
    kind: "command",
    executable: join(folder, "docs-mcp"),
    args: [],
    sha256: null,
    env: new Map(),
    envVars: [],
    cwd: null,
    ...more,
  };
}

const at = (name: string): string => join(folder, name);
const exact = (value: string): TextMatcher => ({ match: "exact", value });
const regex = (expression: string): TextMatcher => ({ match: "regex", expression });
const digest = (): string =>
  createHash("sha256")
    .update(readFileSync(at("docs-mcp")))
    .digest("hex");

type Case = readonly [
  name: string,
  identity: () => McpIdentity,
  server: () => ReturnType<typeof stdioServer>,
  refusal: string | null,
];

const cases: readonly Case[] = [
  ["the program itself", () => command(), () => stdioServer(at("docs-mcp")), null],
  ["a link to it", () => command(), () => stdioServer(at("link")), null],
  ["a copy of it", () => command(), () => stdioServer(at("copy")), "its command"],
  [
    "another name",
    () => command(),
    () => stdioServer(at("docs-mcp"), [], { name: "other" }),
    "no server other is allowed",
  ],
  ["an argument more", () => command(), () => stdioServer(at("docs-mcp"), ["--evil"]), "its argument 1"],
  [
    "an argument less",
    () => command({ args: [exact("a")] }),
    () => stdioServer(at("docs-mcp")),
    "its argument 1 is missing",
  ],
  ["the same argument", () => command({ args: [exact("a")] }), () => stdioServer(at("docs-mcp"), ["a"]), null],
  [
    "arguments in another order",
    () => command({ args: [exact("a"), exact("b")] }),
    () => stdioServer(at("docs-mcp"), ["b", "a"]),
    "its argument 1",
  ],
  [
    "a prefix",
    () => command({ args: [{ match: "prefix", value: "--port=" }] }),
    () => stdioServer(at("docs-mcp"), ["--port=1"]),
    null,
  ],
  [
    "another prefix",
    () => command({ args: [{ match: "prefix", value: "--port=" }] }),
    () => stdioServer(at("docs-mcp"), ["-port=1"]),
    "its argument 1",
  ],
  [
    "a folder's file",
    () => command({ args: [{ match: "prefix", value: "--root=/srv/docs/" }] }),
    () => stdioServer(at("docs-mcp"), ["--root=/srv/docs/a..b/.c"]),
    null,
  ],
  ...[
    "/srv/docs/../../tmp/x",
    "/srv/docs/..",
    "/srv/docs/a/%2e%2e/%2E%2e/tmp",
    "/srv/docs/a\\..\\..",
    "/srv/docs/x\0",
  ].map((path): Case => [
    `a file that leaves the folder: ${JSON.stringify(path)}`,
    () => command({ args: [{ match: "prefix", value: "--root=/srv/docs/" }] }),
    () => stdioServer(at("docs-mcp"), [`--root=${path}`]),
    "its argument 1",
  ]),
  ["a pattern", () => command({ args: [regex("\\d+")] }), () => stdioServer(at("docs-mcp"), ["12"]), null],
  [
    "a pattern with more around it",
    () => command({ args: [regex("a|b")] }),
    () => stdioServer(at("docs-mcp"), ["xb"]),
    "its argument 1",
  ],
  [
    "a pattern and a line more",
    () => command({ args: [regex("\\d+")] }),
    () => stdioServer(at("docs-mcp"), ["12\n"]),
    "its argument 1",
  ],
  [
    "a pattern that is none",
    () => command({ args: [regex("(")] }),
    () => stdioServer(at("docs-mcp"), ["("]),
    "its argument 1",
  ],
  ["the digest", () => command({ sha256: digest() }), () => stdioServer(at("docs-mcp")), null],
  ["another digest", () => command({ sha256: "0".repeat(64) }), () => stdioServer(at("docs-mcp")), "digest"],
  [
    "a variable",
    () => command(),
    () => stdioServer(at("docs-mcp"), [], {}, { env: new Map([["LD_PRELOAD", "/tmp/x.so"]]) }),
    "its variable LD_PRELOAD",
  ],
  [
    "an allowed variable",
    () => command({ env: new Map([["LEVEL", "1"]]) }),
    () => stdioServer(at("docs-mcp"), [], {}, { env: new Map([["LEVEL", "1"]]) }),
    null,
  ],
  [
    "an allowed variable with another value",
    () => command({ env: new Map([["LEVEL", "1"]]) }),
    () => stdioServer(at("docs-mcp"), [], {}, { env: new Map([["LEVEL", "2"]]) }),
    "its variable LEVEL",
  ],
  [
    "a variable of the caller's",
    () => command(),
    () => stdioServer(at("docs-mcp"), [], {}, { envVars: ["NODE_OPTIONS"] }),
    "its variable NODE_OPTIONS",
  ],
  ["a directory", () => command(), () => stdioServer(at("docs-mcp"), [], {}, { cwd: "/tmp" }), "its directory"],
  [
    "the allowed directory",
    () => command({ cwd: "/tmp" }),
    () => stdioServer(at("docs-mcp"), [], {}, { cwd: "/tmp" }),
    null,
  ],
  ["a relative command", () => command(), () => stdioServer("./docs-mcp"), "its command"],
  ["a bare name that the system has", () => command({ executable: "cat" }), () => stdioServer("cat"), null],
  ["a link to what the system has", () => command({ executable: "cat" }), () => stdioServer(at("cat")), null],
  [
    "a bare name that the system has not",
    () => command({ executable: "docs-mcp" }),
    () => stdioServer("docs-mcp"),
    "not on this machine",
  ],
  ["a wrapper", () => command({ executable: "cat" }), () => stdioServer("env", ["cat"]), "its command"],
  ["an address instead", () => command(), () => httpServer("https://docs.example/"), "it has none"],
  [
    "a program instead",
    () => ({ kind: "url", url: exact("https://docs.example/") }),
    () => stdioServer("cat"),
    "it has none",
  ],
  [
    "the address",
    () => ({ kind: "url", url: exact("https://docs.example") }),
    () => httpServer("https://DOCS.example:443/"),
    null,
  ],
  [
    "another address",
    () => ({ kind: "url", url: exact("https://docs.example/") }),
    () => httpServer("https://docs.example/x"),
    "is another",
  ],
  [
    "an address below",
    () => ({ kind: "url", url: { match: "prefix", value: "https://docs.example/mcp" } }),
    () => httpServer("https://docs.example/mcp/a"),
    null,
  ],
  [
    "an address beside",
    () => ({ kind: "url", url: { match: "prefix", value: "https://docs.example/mcp" } }),
    () => httpServer("https://docs.example/mcp-evil"),
    "is another",
  ],
  [
    "a host that begins the same",
    () => ({ kind: "url", url: { match: "prefix", value: "https://docs.example" } }),
    () => httpServer("https://docs.example.evil/"),
    "is another",
  ],
  [
    "a way out of a folder",
    () => ({ kind: "url", url: { match: "prefix", value: "https://docs.example/mcp/" } }),
    () => httpServer("https://docs.example/mcp/../x"),
    "is another",
  ],
  [
    "a way out of a folder for whoever decodes it once more",
    () => ({ kind: "url", url: { match: "prefix", value: "https://docs.example/mcp/" } }),
    () => httpServer("https://docs.example/mcp/..%2fx"),
    "is another",
  ],
  ["the name in capitals", () => command(), () => stdioServer(at("docs-mcp"), [], { name: "Docs" }), "no server Docs"],
];

describe("an allowlist", () => {
  it.each(cases)("%s", (_, identity, server, refusal) => {
    const answer = admit(server(), allowlist(identity()));
    if (refusal === null) expect(answer).toMatchObject({ ok: true });
    else {
      expect(answer).toMatchObject({ ok: false, reason: expect.stringContaining(refusal) });
      expect(answer).toMatchObject({ reason: expect.stringContaining("requirements (/etc/x.toml:7)") });
    }
  });

  it("without entries disables every server; none at all disables none", () => {
    expect(admit(stdioServer("cat"), { servers: new Map(), provenance: here }).ok).toBe(false);
    expect(admit(stdioServer("cat"), null).ok).toBe(true);
  });

  it("starts what it looked at, by its path, in a place where nothing is", () => {
    expect(admit(stdioServer(at("link")), allowlist(command()))).toMatchObject({
      value: { program: at("docs-mcp"), fixed: { cwd: null } },
    });
  });
});
