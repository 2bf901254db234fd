import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonSchema, schemaText, validatorText } from "../../scripts/generate/30-validator.mjs";
import { configSchema } from "../../src/config/schema.ts";
import { validateConfig } from "../../src/generated/validate-config.ts";

const root = new URL("../../", import.meta.url);

describe("what is generated", () => {
  it("is up to date: the schema for editors and the validator", async () => {
    const schema = await jsonSchema(root);
    expect(readFileSync(new URL("schema/config.schema.json", root), "utf8")).toBe(schemaText(schema));
    expect(readFileSync(new URL("src/generated/validate-config.ts", root), "utf8")).toBe(validatorText(schema));
  });
});

const complete = {
  default_permissions: "ci",
  audit: "required",
  ceiling: ":workspace",
  test: [
    { query: "read /a", expect: "deny", because: "b" },
    { query: "dns a.com", expect: "allow" },
  ],
  features: { use_legacy_landlock: true },
  sandbox_mode: "read-only",
  sandbox_workspace_write: {
    writable_roots: ["/a"],
    network_access: true,
    exclude_tmpdir_env_var: false,
    exclude_slash_tmp: true,
  },
  permissions: {
    ci: {
      description: "d",
      extends: ":isolated",
      filesystem: { "/data": "read", ":workspace_roots": { ".": "write", docs: "none" } },
      network: {
        mode: "off",
        bundles: ["npm"],
        domains: { "a.com": "allow", "b.com": { access: "deny", resolve_to: ["10.0.0.0/8"], sni: "any" } },
        http: { "a.com": { methods: ["GET"], paths: ["/v1/**"] }, "b.com": {} },
        unix_sockets: { "/s": "deny", "/t": { access: "allow", dangerous: true } },
      },
      environment: { inherit: "all", include: ["A"], exclude: ["B"], set: { C: "d" } },
      limits: {
        wall_time: "5m",
        max_pause: 60,
        memory: 5,
        data: "1GiB",
        processes: 2,
        open_files: 3,
        tmp_size: 1,
        home_size: 1,
        shm_size: 1,
      },
      protect: { git: "all", missing: "strict", off: [".vscode"] },
      deny_glob: "strict",
      workspace: "cwd",
      workspace_roots: ["/w"],
    },
  },
};

/** Every table, array and value of a document, as functions that put something else there. */
function places(value: unknown, replace: (to: unknown) => unknown): ((to: unknown) => unknown)[] {
  if (typeof value !== "object" || value === null) return [replace];
  const copy = (key: string, to: unknown): unknown => {
    if (Array.isArray(value)) return replace(value.map((member, index) => (String(index) === key ? to : member)));
    const entries = Object.entries(value).filter(([name]) => name !== key);
    return replace(Object.fromEntries(to === removed ? entries : [...entries, [key, to]]));
  };
  const inner = Object.entries(value).flatMap(([key, member]) => places(member, (to) => copy(key, to)));
  return [replace, ...inner, (to) => copy("unknown_key", to)];
}

const removed = Symbol("removed");

const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    "read",
    "allow",
    "off",
    "cwd",
    "",
    0,
    -1,
    1.5,
    Number.NaN,
    Infinity,
    true,
    null,
    undefined,
    1n,
  ),
  fc.constantFrom<unknown>(
    [],
    {},
    [[]],
    [1],
    ["x"],
    { ".": "write" },
    { access: "allow" },
    { access: "allow", x: 1 },
    removed,
  ),
  fc.constant(Object.create(null)),
  fc
    .anything({ maxDepth: 2, withNullPrototype: true })
    .filter((value) => !JSON.stringify(value ?? 0)?.includes("__proto__")),
);

function agree(value: unknown): void {
  expect(validateConfig(value) === null).toBe(configSchema.safeParse(value).success);
}

describe("the generated validator accepts exactly what the schema does", () => {
  it("the complete document", () => {
    agree(complete);
    expect(validateConfig(complete)).toBeNull();
  });

  it("with each value in turn replaced", () => {
    const all = places(complete, (to) => to);
    for (const put of all) {
      for (const to of ["read", "allow", 1, true, [], {}, ["x"], [1], null, Number.NaN, removed, { access: "deny" }])
        agree(put(to));
    }
    expect(all.length).toBeGreaterThan(50);
  });

  it("with random values at random places", () => {
    const place = fc.constantFrom(...places(complete, (to) => to));
    fc.assert(
      fc.property(place, anything, (put, to) => agree(put(to))),
      { numRuns: 500 },
    );
  });

  it("with nothing in common", () => {
    fc.assert(fc.property(anything, agree), { numRuns: 300 });
  });

  it("but never a date where a table belongs, which zod lets pass", () => {
    expect(validateConfig({ features: new Date() })).toEqual(["features"]);
  });

  it("and says where the fault is", () => {
    expect(validateConfig({ permissions: { ci: { limits: { processes: "x" } } } })).toEqual([
      "permissions",
      "ci",
      "limits",
      "processes",
    ]);
    expect(validateConfig({ permissions: { ci: { workspace_roots: ["/a", 1] } } })).toEqual([
      "permissions",
      "ci",
      "workspace_roots",
      "1",
    ]);
    expect(validateConfig({ nope: 1 })).toEqual(["nope"]);
  });
});
