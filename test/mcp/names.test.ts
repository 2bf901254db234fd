import { describe, expect, it } from "vitest";
import { modelNames, resolveToolName, serversMeant } from "../../src/mcp/index.ts";
import type { ToolRef } from "../../src/mcp/index.ts";

const tools: readonly ToolRef[] = [
  { server: "docs", tool: "read" },
  { server: "docs", tool: "search" },
  { server: "web", tool: "search" },
  { server: "web", tool: "docs.read" },
  { server: "web", tool: "page.open" },
];
const servers = new Set(["docs", "web", "late"]);

describe("names of tools", () => {
  it.each<[name: string, found: ToolRef]>([
    ["mcp.docs.read", { server: "docs", tool: "read" }],
    ["mcp.read", { server: "docs", tool: "read" }],
    ["mcp.page.open", { server: "web", tool: "page.open" }],
    ["mcp.web.docs.read", { server: "web", tool: "docs.read" }],
    ["mcp__docs__search", { server: "docs", tool: "search" }],
  ])("%s", (name, found) => {
    expect(resolveToolName(name, servers, tools)).toEqual(found);
  });

  it.each<[name: string, says: string]>([
    ["mcp.search", "more than one server"],
    ["mcp.docs.raed", 'did you mean "mcp.docs.read"?'],
    ["mcp.late.read", "there is no tool"],
    ["read", "there is no tool"],
    ["mcp.", "there is no tool"],
  ])("%s is none", (name, says) => {
    expect(() => resolveToolName(name, servers, tools)).toThrow(says);
  });

  it("a server cannot take over a name of another that is configured", () => {
    const hostile = [{ server: "web", tool: "late.read" }];
    expect(() => resolveToolName("mcp.late.read", servers, hostile)).toThrow("there is no tool");
  });

  it("for models: short, of plain characters, and different for different tools whatever their order", () => {
    const odd = [
      { server: "a-b", tool: "c.d" },
      { server: "a-b", tool: "c d" },
      { server: "s", tool: "x".repeat(200) },
      { server: "s", tool: "x".repeat(201) },
      { server: "s", tool: "plain" },
    ];
    const names = modelNames(odd);
    expect(names.size).toBe(5);
    for (const name of names.keys()) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(names.has("mcp__s__plain")).toBe(true);
    expect(new Set(modelNames(odd.toReversed()).keys())).toEqual(new Set(names.keys()));
  });
});

describe("the servers that patterns of granted tools speak of", () => {
  const all = ["docs", "web", "late"];
  it.each<[patterns: readonly string[], meant: readonly string[]]>([
    [["mcp.docs.*"], ["docs"]],
    [
      ["mcp.docs.read", "mcp.web.search"],
      ["docs", "web"],
    ],
    [["mcp__late__read"], ["late"]],
    // Short names, and what may be one.
    [["mcp.read"], all],
    [["mcp.page.open"], all],
    [["mcp.d*"], all],
    [["mcp.*.read"], all],
    [["*"], all],
    [["m*"], all],
    [["report", "mc", "other*"], []],
    [[], []],
  ])("%j", (patterns, meant) => {
    expect([...serversMeant(patterns, servers)]).toEqual(meant);
  });
});
