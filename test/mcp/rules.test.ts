import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  brokenRule,
  digestOf,
  hiddenCharacters,
  needsApproval,
  pinsIn,
  searchTools,
  visible,
} from "../../src/mcp/index.ts";
import type { ToolDefinition } from "../../src/mcp/index.ts";
import type { ArgumentRule } from "../../src/policy/index.ts";
import { here, stdioServer } from "./server.ts";

let folder = "";
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "rules-")));
  mkdirSync(join(folder, "docs"));
  mkdirSync(join(folder, "docs-evil"));
  symlinkSync("/etc", join(folder, "docs", "out"));
  writeFileSync(join(folder, "docs", "page"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("rules on arguments", () => {
  const check = (rule: Omit<ArgumentRule, "provenance">, given: unknown, path = "path"): string | null =>
    brokenRule(new Map([["read", new Map([[path, { ...rule, provenance: here }]])]]), "read", given);

  it.each<[rule: Omit<ArgumentRule, "provenance">, value: unknown]>([
    [{ prefix: "/srv/docs/" }, "/srv/docs/a"],
    [{ prefix: "a" }, "a..b/.."],
    [{ prefix: "https://a.example/" }, "https://a.example/x..y"],
    [{ pattern: "[a-z]+" }, "abc"],
    [{ enum: ["a", 1, true] }, 1],
    [{ maximum: 5 }, 5],
    [{ prefix: "/srv/" }, ["/srv/a", "/srv/b"]],
    [{ prefix: "/srv/" }, undefined],
  ])("%j allows %j", (rule, value) => {
    expect(check(rule, value === undefined ? {} : { path: value })).toBeNull();
  });

  it.each<[rule: Omit<ArgumentRule, "provenance">, value: unknown]>([
    [{ prefix: "/srv/docs/" }, "/etc/shadow"],
    [{ prefix: "/srv/docs/" }, "/srv/docs/../../etc/shadow"],
    [{ prefix: "/srv/docs/" }, "/srv/docs/.."],
    [{ prefix: "/srv/docs/" }, "/srv/docs/%2e%2e/x"],
    [{ prefix: "/srv/docs/" }, "/srv/docs/..%2fx"],
    [{ prefix: "/srv/docs/" }, "/srv/docs/\\..\\x"],
    [{ prefix: "/srv/docs/" }, ["/srv/docs/a", "/etc/shadow"]],
    [{ prefix: "/srv/docs/" }, { toString: "/srv/docs/" }],
    [{ prefix: "/srv/docs/" }, null],
    [{ pattern: "[a-z]+" }, "abc; rm"],
    [{ pattern: "[a-z]+" }, "abc\n"],
    [{ pattern: "(a+)+b" }, "a".repeat(100_000)],
    [{ enum: ["a"] }, "b"],
    [{ enum: [1] }, "1"],
    [{ maximum: 5 }, 6],
    [{ maximum: 5 }, "1"],
    [{ maximum: 5 }, Number.NaN],
  ])("%j refuses %j, naming the place of the rule", (rule, value) => {
    expect(check(rule, { path: value })).toContain("/etc/x.toml:7: argument path of read cannot be");
  });

  it("a path lies inside a folder when links are followed", () => {
    const inside = join(folder, "docs");
    const at = (path: string): string | null => check({ inside }, { path });
    expect(at(join(inside, "page"))).toBeNull();
    expect(at(join(inside, "new", "page"))).toBeNull();
    expect(at(inside)).toBeNull();
    for (const path of [`${inside}-evil/x`, `${inside}/out/shadow`, `${inside}/../x`, "page", `${inside}/\0`, "/"]) {
      expect(at(path), path).toContain("it lies in");
    }
  });

  it("reaches into objects and arrays, and names with dots", () => {
    const rule = { prefix: "/srv/" };
    expect(check(rule, { options: { path: "/srv/a" } }, "options.path")).toBeNull();
    for (const given of [{ options: { path: "/etc" } }, { options: [{ path: "/etc" }] }, { "options.path": "/etc" }]) {
      expect(check(rule, given, "options.path")).not.toBeNull();
    }
  });
});

describe("approval", () => {
  const asks = (
    annotations: object | null,
    mode: "auto" | "prompt" | "writes" | "approve" = "auto",
    description = "d",
  ): boolean =>
    needsApproval(stdioServer("x", [], { approvalMode: mode }), {
      name: "t",
      description,
      ...(annotations && { annotations: { ...annotations } }),
    });

  it.each<[annotations: object | null, asked: boolean]>([
    [null, true],
    [{}, true],
    [{ readOnlyHint: true }, false],
    [{ readOnlyHint: true, destructiveHint: true }, true],
    [{ destructiveHint: false }, true],
    [{ destructiveHint: false, openWorldHint: false }, false],
    [{ readOnlyHint: "yes" }, true],
  ])("%j: %s", (annotations, asked) => {
    expect(asks(annotations)).toBe(asked);
  });

  it("by mode", () => {
    expect(asks({ readOnlyHint: true }, "prompt")).toBe(true);
    expect(asks(null, "approve")).toBe(false);
    expect(asks({ destructiveHint: false, openWorldHint: false }, "writes")).toBe(true);
    expect(asks({ readOnlyHint: true }, "writes")).toBe(false);
    expect(asks({ readOnlyHint: true }, "auto", "hi\u{e0041}")).toBe(true);
  });
});

describe("hidden characters", () => {
  it.each(["a\u200bb", "a\u202eb", "a\u{e0041}b", "a\u001b[31m", "a\ufeffb", "\u2028"])(
    "%j is flagged and made visible",
    (text) => {
      const tool = { name: "t", inputSchema: { properties: { x: { description: text } } } };
      expect(hiddenCharacters(tool)).toEqual(["inputSchema.properties.x.description"]);
      expect(hiddenCharacters({ name: "t", description: visible(text) })).toEqual([]);
    },
  );

  it("plain text of any language is left as it is", () => {
    const text = "Reads a page.\n\tÜber, 日本語, العربية.";
    expect(hiddenCharacters({ name: "t", description: text })).toEqual([]);
    expect(visible(text)).toBe(text);
  });
});

describe("pins", () => {
  const tool: ToolDefinition = { name: "read/../x", description: "reads", inputSchema: { a: 1, b: 2 } };

  it("the first use is kept, a change is seen, an approval holds", () => {
    const pins = pinsIn(join(folder, "state"));
    expect(pins.known("docs", tool.name)).toBeNull();
    expect(pins.pinned("docs", tool).digest).toBe(digestOf(tool));
    const changed = { ...tool, description: "reads and sends" };
    expect(pins.pinned("docs", changed).digest).toBe(digestOf(tool));
    expect(pins.approve("docs", changed).digest).toBe(digestOf(changed));
    expect(pinsIn(join(folder, "state")).pinned("docs", changed).digest).toBe(digestOf(changed));
    expect(pins.pinned("other", tool).digest).toBe(digestOf(tool));
    expect(digestOf({ inputSchema: { b: 2, a: 1 }, description: "reads", name: tool.name })).toBe(digestOf(tool));
  });

  it("what somebody else could have written is no pin", () => {
    const place = join(folder, "state", "mcp", "pins", "docs");
    const [file = ""] = readdirSync(place);
    writeFileSync(join(place, file), "{}");
    expect(() => pinsIn(join(folder, "state")).pinned("docs", tool)).toThrow("does not say what was approved");
    rmSync(join(place, file));
    symlinkSync("/etc/passwd", join(place, file));
    expect(() => pinsIn(join(folder, "state")).pinned("docs", tool)).toThrow("does not say what was approved");
  });
});

describe("search", () => {
  const tools = [
    { name: "mcp.files.read_text_file", description: "Read the complete contents of a file" },
    { name: "mcp.files.listDirectory", description: "List what a directory holds" },
    {
      name: "mcp.web.fetch",
      description: "Get a page",
      inputSchema: { properties: { url: { description: "where the file is" } } },
    },
  ];

  it.each([
    ["read files", ["mcp.files.read_text_file", "mcp.files.listDirectory", "mcp.web.fetch"]],
    ["directories listing directory", ["mcp.files.listDirectory"]],
    ["URL", ["mcp.web.fetch"]],
    ["nothing like it: zebra", []],
    ["", []],
  ])("%s", (query, names) => {
    expect(searchTools(tools, query, 10).map(({ name }) => name)).toEqual(names);
  });
});
