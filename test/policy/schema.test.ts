import { describe, expect, it } from "vitest";
import { z } from "zod";
import { profileSchema, sandboxPolicySchema } from "../../src/policy/read/schema.ts";

describe("the schema", () => {
  it("holds structure only, so that a validator can be made from its JSON form", () => {
    for (const schema of [profileSchema, sandboxPolicySchema]) {
      expect(() => z.toJSONSchema(schema, { target: "draft-07", io: "input" })).not.toThrow();
    }
  });

  it.each<readonly [string, unknown, boolean]>([
    ["an empty table", {}, true],
    ["nested sub-paths", { filesystem: { ":workspace_roots": { ".": "write", x: "none" } } }, true],
    ["sub-paths of sub-paths", { filesystem: { "/a": { b: { c: "read" } } } }, false],
    ["another access", { filesystem: { "/a": "execute" } }, false],
    ["an unknown key", { filesytem: {} }, false],
    ["an unknown key below", { network: { proxy: true } }, false],
    [
      "a domain with resolve_to",
      { network: { domains: { "a.example": { access: "allow", resolve_to: ["10.0.0.1"] } } } },
      true,
    ],
    ["a domain with sni", { network: { domains: { "a.example": { access: "allow", sni: "any" } } } }, true],
    ["a domain with another sni", { network: { domains: { "a.example": { access: "allow", sni: "none" } } } }, false],
    ["rules about requests", { network: { http: { "a.example": { methods: ["GET"], paths: ["/a/**"] } } } }, true],
    ["an unknown key of such a rule", { network: { http: { "a.example": { method: ["GET"] } } } }, false],
    ["a domain without access", { network: { domains: { "a.example": { resolve_to: [] } } } }, false],
    ["a socket with the word", { network: { unix_sockets: { "/run/x": { access: "allow", dangerous: true } } } }, true],
    ["a number for a size", { limits: { memory: 1024 } }, true],
    ["a text for a count", { limits: { processes: "many" } }, false],
  ])("%s", (_, value, expected) => {
    expect(profileSchema.safeParse(value).success).toBe(expected);
  });
});
