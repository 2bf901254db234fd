import { describe, expect, it } from "vitest";
import { SandboxedError } from "../../src/policy/index.ts";
import type { Profile, RawProfile } from "../../src/policy/index.ts";
import { oracle, profile } from "./machine.ts";

type Http = NonNullable<NonNullable<RawProfile["network"]>["http"]>;

const domains = { "**.example.com": "allow", "**.example.com:8080": "allow", "192.0.2.0/24": "allow" } as const;

function limited(http: Http): Profile {
  return profile({ network: { mode: "restricted", domains, http } });
}

function outcome(
  profiles: Profile | readonly Profile[],
  host: string,
  method: string,
  path: string,
  port = 443,
): string {
  return oracle(profiles).reach(host, port).request(method, path).refused ?? "allowed";
}

describe("a request", () => {
  const rules = limited({
    "api.example.com": { methods: ["GET", "HEAD"], paths: ["/", "/repos/*/issues/**", "/v*/list", "/exact"] },
    "**.example.com": { methods: ["POST"] },
    "none.example.com": { methods: [] },
    "nowhere.example.com": { paths: [] },
    "192.0.2.0/24": { methods: ["GET"] },
  });
  it.each([
    ["GET", "/", "allowed"],
    ["GET", "/?q=../..", "allowed"],
    ["HEAD", "/exact", "allowed"],
    ["GET", "/exact/", "allowed"],
    ["GET", "/ex%61ct", "allowed"],
    ["GET", "/repos/a/issues", "allowed"],
    ["GET", "/repos/a/issues/1/comments?x=1", "allowed"],
    ["GET", "/v1.2/list", "allowed"],
    ["POST", "/exact", "method"],
    ["get", "/exact", "method"],
    ["GET ", "/exact", "method"],
    ["", "/exact", "method"],
    ["GET", "/exact/more", "path"],
    ["GET", "/Exact", "path"],
    ["GET", "/repos/a/b/issues", "path"],
    ["GET", "/repos/issues", "path"],
    ["GET", "/other", "path"],
    ["GET", "*", "path"],
    ["GET", "", "path"],
    ["GET", "http://api.example.com/exact", "path"],
  ])("%j %j: %s", (method, path, expected) => {
    expect(outcome(rules, "api.example.com", method, path)).toBe(expected);
  });

  it.each([
    "/repos/a/issues/../../../admin",
    "/repos/a/issues/..",
    "/repos/a/issues/.",
    "/repos/a/issues/%2e%2e/admin",
    "/repos/a/issues/%2E./admin",
    "/repos/a/issues/.%2e/admin",
    "/repos/a/issues/..;/admin",
    "/repos/a/issues/..;x=1/admin",
    "/repos/a/issues/%2e%2e%3b/admin",
    "/repos/a/issues/;/admin",
    "/repos/a/issues//admin",
    "//repos/a/issues",
    "/repos/a/issues/..%2fadmin",
    "/repos/a/issues/..%2Fadmin",
    "/repos/a%2fissues",
    "/repos/a/issues/..\\admin",
    "/repos/a/issues/..%5cadmin",
    "/repos/a/issues/%252e%252e/admin",
    "/repos/a/issues/%25252e/admin",
    "/repos/a/issues/%u002e%u002e/admin",
    "/repos/a/issues/%c0%ae%c0%ae/admin",
    "/repos/a/issues/%ef%bc%8e%ef%bc%8e/admin",
    "/repos/a/issues/%ef%bc%8fadmin",
    "/repos/a/issues/%e2%80%8b../admin",
    "/repos/a/issues/%ff",
    "/repos/a/issues/%",
    "/repos/a/issues/%2",
    "/repos/a/issues/%zz",
    "/repos/a/issues/%00",
    "/repos/a/issues/%0d%0a",
    "/repos/a/issues/%20x",
    "/repos/a/issues/ x",
    "/repos/a/issues/\tx",
    "/repos/a/issues/\0",
    "/repos/a/issues/é",
    "/repos/a/issues#/admin",
    "repos/a/issues",
    `/repos/a/issues/${"x".repeat(9000)}`,
  ])("%j gets round nothing", (path) => {
    expect(outcome(rules, "api.example.com", "GET", path)).toBe("path");
  });

  it("with characters beyond ASCII is matched decoded", () => {
    const one = limited({ "api.example.com": { paths: ["/caf\u00e9/*"] } });
    expect(outcome(one, "api.example.com", "GET", "/caf%C3%A9/x")).toBe("allowed");
    expect(outcome(one, "api.example.com", "GET", "/cafe/x")).toBe("path");
  });

  it.each([
    ["other.example.com", "POST", 443, "allowed"],
    ["other.example.com", "GET", 443, "method"],
    ["other.example.com", "GET", 8080, "method"],
    ["none.example.com", "GET", 443, "method"],
    ["nowhere.example.com", "GET", 443, "path"],
    ["192.0.2.1", "GET", 80, "allowed"],
    ["192.0.2.1", "PUT", 80, "method"],
  ] as const)("to %s is held to the most specific rule: %s port %i", (host, method, port, expected) => {
    expect(outcome(rules, host, method, "/x", port)).toBe(expected);
  });

  it("to a host that is written in two ways must pass both, in whatever order", () => {
    const tables = [
      ["api.example.com", { methods: ["GET"] }],
      ["API.example.com.", { methods: ["GET", "PUT"] }],
    ] as const;
    for (const order of [tables, tables.toReversed()]) {
      const one = limited(Object.fromEntries(order));
      expect(outcome(one, "api.example.com", "GET", "/")).toBe("allowed");
      expect(outcome(one, "api.example.com", "PUT", "/")).toBe("method");
    }
  });

  it("needs every layer", () => {
    const other = limited({ "api.example.com": { methods: ["GET", "PUT"], paths: ["/exact"] } });
    expect(outcome([rules, other], "api.example.com", "GET", "/exact")).toBe("allowed");
    expect(outcome([rules, other], "api.example.com", "HEAD", "/exact")).toBe("method");
    expect(outcome([rules, other], "api.example.com", "GET", "/v1/list")).toBe("path");
  });

  it("is looked at only where a rule says something", () => {
    const looks = (http: Http): boolean => oracle(limited(http)).reach("api.example.com", 443).limitsRequests;
    expect([looks({}), looks({ "api.example.com": {} }), looks({ "x.example.com": { methods: ["GET"] } })]).toEqual([
      false,
      false,
      false,
    ]);
    expect([looks({ "api.example.com": { methods: [] } }), looks({ "*.example.com": { paths: ["/**"] } })]).toEqual([
      true,
      true,
    ]);
  });

  it("refused names the rule", () => {
    const decision = oracle(rules).reach("api.example.com", 443).request("PUT", "/").decision;
    expect(decision).toMatchObject({
      effect: "deny",
      reason: "network_not_allowed",
      provenance: { file: "config.toml" },
    });
    expect(decision.rule?.text).toContain('methods = ["GET","HEAD"]');
  });
});

describe("a rule about requests that cannot be meant", () => {
  it.each<readonly [string, Http]>([
    ["a pattern of all hosts", { "*": {} }],
    ["a pattern of a whole top-level domain", { "*.com": {} }],
    ["a host that is none", { "http://x.example": {} }],
    ["a method in small letters", { "x.example": { methods: ["get"] } }],
    ["a method that is none", { "x.example": { methods: ["GET POST"] } }],
    ["CONNECT", { "x.example": { methods: ["CONNECT"] } }],
    ["an empty method", { "x.example": { methods: [""] } }],
    ["a path without its slash", { "x.example": { paths: ["api"] } }],
    ["a path with a query", { "x.example": { paths: ["/api?x"] } }],
    ["a path with an escape", { "x.example": { paths: ["/%61"] } }],
    ["a path with ..", { "x.example": { paths: ["/a/../b"] } }],
    ["a path with an empty segment", { "x.example": { paths: ["/a//b"] } }],
    ["a path with a class", { "x.example": { paths: ["/[ab]"] } }],
    ["a path with a line break", { "x.example": { paths: ["/a\n"] } }],
  ])("%s", (_, http) => {
    expect(() => limited(http)).toThrow(SandboxedError);
  });

  it.each<Http>([
    { "x.example": { methods: ["GET", "M-SEARCH"], paths: ["/", "/a/*/b/**", "/a-*.json"] } },
    { "x.example": {} },
  ])("unlike %j", (http) => {
    expect(() => limited(http)).not.toThrow();
  });
});

describe("a pattern for every host", () => {
  it.each(["*", "*:443"])("%s is refused, allowed or denied", (pattern) => {
    for (const access of ["allow", "deny"] as const) {
      expect(() => profile({ network: { domains: { [pattern]: access } } })).toThrow("covers every host");
    }
  });
});
