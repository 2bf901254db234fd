import { describe, expect, it } from "vitest";
import { refuseBroadPatterns } from "../../src/network/names/broad-patterns.ts";
import type { DomainRule } from "../../src/policy/index.ts";

function rule(pattern: string, access: DomainRule["access"] = "allow", line: number | null = 7): DomainRule {
  const provenance = {
    layer: "user",
    file: line === null ? null : "/etc/c.toml",
    line,
    column: 1,
    owner: "you",
  } as const;
  return { pattern, access, resolveTo: [], provenance };
}

describe("a pattern", () => {
  it.each([
    "*.co.uk",
    "**.co.uk",
    "*.CO.UK.",
    "*.co.uk:8443",
    "*.github.io",
    "**.blogspot.com",
    "*.s3.amazonaws.com",
    "*.pages.dev",
    "*.kawasaki.jp",
  ])("%s belongs to anybody", async (pattern) => {
    await expect(refuseBroadPatterns([rule("a.test"), rule(pattern)])).rejects.toMatchObject({
      code: "policy_invalid",
      message: expect.stringMatching(/^\/etc\/c\.toml:7: ".*" covers names of anybody/),
    });
  });

  it.each([
    "*.example.co.uk",
    "*.me.github.io",
    "github.io",
    "co.uk",
    "*.github.com",
    "*.corp.internal",
    "**.svc.cluster.local",
    "10.0.0.0/8",
    "[::1]:443",
  ])("%s belongs to somebody", async (pattern) => {
    await expect(refuseBroadPatterns([rule(pattern)])).resolves.toBeUndefined();
  });

  it("may be denied, however wide", async () => {
    await expect(refuseBroadPatterns([rule("*.github.io", "deny")])).resolves.toBeUndefined();
  });

  it("of the command line has no place", async () => {
    await expect(refuseBroadPatterns([rule("*.co.uk", "allow", null)])).rejects.toThrow(/^"\*\.co\.uk" covers/);
  });
});
