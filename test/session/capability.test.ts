import { describe, expect, it } from "vitest";
import { absolutePath } from "../../src/policy/index.ts";
import { formatCapability, parseCapability } from "../../src/session/capability/text.ts";
import { compileScope } from "../../src/session/capability/scope.ts";
import { readCapability } from "../../src/session/capability/wire.ts";

describe("a capability as text", () => {
  const good: readonly { readonly text: string; readonly as: object; readonly written?: string }[] = [
    { text: "fs.read=src/**", as: { kind: "fs.read", scope: ["src/**"], calls: null, approval: "never" } },
    { text: "patch=src/**:approval=always", as: { kind: "patch", approval: "always" } },
    { text: "tools=mcp.docs.*:calls=50", as: { kind: "tools", scope: ["mcp.docs.*"], calls: 50 } },
    {
      text: "tools=mcp.docs.*,other:rate=10/s",
      as: { scope: ["mcp.docs.*", "other"], rate: { calls: 10, per: 1000 } },
      written: "tools=mcp.docs.*,other:rate=10/1s",
    },
    { text: "checkpoint", as: { kind: "checkpoint", scope: [] } },
    { text: "checkpoint:expires=15m", as: { expiresIn: 900_000 } },
    { text: "network=api.example.com:8443", as: { kind: "network", scope: ["api.example.com:8443"] } },
    { text: "network=api.example.com:8443:calls=2", as: { scope: ["api.example.com:8443"], calls: 2 } },
    { text: "memory=notes:bytes=100KiB", as: { kind: "memory", bytes: 102_400 } },
    { text: "agents=1", as: { kind: "agents", scope: [], calls: 1 }, written: "agents:calls=1" },
  ];
  it.each(good)("$text", ({ text, as, written = text }) => {
    const read = parseCapability(text);
    expect(read).toMatchObject(as);
    expect(formatCapability(read)).toBe(written);
    expect(parseCapability(written)).toEqual(read);
  });

  const bad: readonly (readonly [text: string, says: string])[] = [
    ["", 'no capability ""'],
    ["fs.raed=src", "fs.read"],
    ["fs.read", "which files"],
    ["fs.read=", "empty"],
    ["fs.read=src,,docs", "empty"],
    ["fs.read=../x", ".."],
    ["fs.read=~/x", "whole path"],
    ["fs.read={a,b}", "braces"],
    ["tools", "which tools"],
    ["tools=a b", "not a name"],
    ["network=*", "every host"],
    ["checkpoint=x", "nothing to name"],
    ["checkpoint:approval=always", "by itself"],
    ["tools=*:calls=0", "not a number of calls"],
    ["tools=*:calls=-1", "not a number of calls"],
    ["tools=*:calls=1:calls=2", "twice"],
    ["tools=*:cals=5", "calls"],
    ["tools=*:rate=5", "not a rate"],
    ["tools=*:expires=soon", "not a duration"],
    ["tools=*:approval=maybe", "approval cannot be"],
    ["tools=*:bytes=5", "stores nothing"],
    ["agents=many", "not a number of calls"],
  ];
  it.each(bad)("%s is none", (text, says) => {
    let told = "";
    try {
      parseCapability(text);
    } catch (error) {
      told = error instanceof Error ? `${error.message} ${"hint" in error ? String(error.hint) : ""}` : "";
    }
    expect(told).toContain(says);
  });
});

describe("a capability as an object", () => {
  it("says the same", () => {
    const object = { kind: "tools", scope: ["mcp.docs.*"], calls: 3, rate: "2/s", expires_in: 60, approval: "once" };
    expect(readCapability(object)).toEqual(
      parseCapability("tools=mcp.docs.*:calls=3:rate=2/s:expires=60s:approval=once"),
    );
  });
  it.each([
    [null],
    [1],
    [[]],
    [{}],
    [{ kind: "tools", scope: ["*"], more: 1 }],
    [{ kind: "tools", scope: [1] }],
    [{ kind: "tools", scope: "*", calls: 1.5 }],
  ])("%j is none", (value) => expect(() => readCapability(value)).toThrow(/capability/));
});

describe("a scope", () => {
  const root = absolutePath("/work/pro*ject");
  const cases: readonly (readonly [text: string, subject: string, covered: boolean])[] = [
    ["fs.read=src/**", "/work/pro*ject/src/a/b.ts", true],
    ["fs.read=src/**", "/work/pro*ject/srcs/a.ts", false],
    ["fs.read=src/**", "/work/project/src/a.ts", false],
    ["fs.read=src/**", "/work/pro*ject/src/../b", false],
    ["fs.read=src/*.ts", "/work/pro*ject/src/a.ts", true],
    ["fs.read=src/*.ts", "/work/pro*ject/src/a.ts/b", false],
    ["fs.read=src/*.ts", "/work/pro*ject/src/a/b.ts", false],
    ["fs.read=**", "/work/pro*ject/.env", true],
    ["fs.read=**", "/work/other", false],
    ["fs.read=/data/*.csv", "/data/x.csv", true],
    ["fs.read=/data/*.csv", "/work/pro*ject/data/x.csv", false],
    ["tools=mcp.docs.read_*", "mcp.docs.read_page", true],
    ["tools=mcp.docs.read_*", "mcp.docs.write_page", false],
    ["tools=mcp.docs.*", "mcp.docsx.a", false],
    ["tools=*", "anything", true],
    ["tools=a*b*c", "axxbyyc", true],
    ["tools=a*b*c", "acb", false],
    ["tools=ab*ba", "aba", false],
    ["memory=notes", "notes", true],
    ["memory=notes", "note", false],
    ["network=api.example.com", "api.example.com:443", true],
    ["network=api.example.com", "api.example.com:8443", false],
    ["network=*.example.com:8443", "a.example.com:8443", true],
    ["network=*.example.com:8443", "example.com:8443", false],
    ["checkpoint", "", true],
  ];
  it.each(cases)("%s and %s: %s", (text, subject, covered) => {
    expect(compileScope(parseCapability(text), root)(subject)).toBe(covered);
  });
  it("of relative paths covers nothing without a workspace", () => {
    expect(compileScope(parseCapability("fs.read=**"), null)("/a")).toBe(false);
  });
  it("takes little time for any name", () => {
    const covers = compileScope(parseCapability(`tools=${"a*".repeat(120)}b`), root);
    const began = performance.now();
    expect(covers("a".repeat(100_000))).toBe(false);
    expect(performance.now() - began).toBeLessThan(500);
  });
});
