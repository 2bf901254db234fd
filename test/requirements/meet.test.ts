import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Config } from "../../src/config/index.ts";
import { SandboxedError } from "../../src/policy/index.ts";
import type { Query } from "../../src/policy/index.ts";
import { assemble } from "../../src/requirements/assemble.ts";
import { bound, noRequirements } from "../../src/requirements/index.ts";
import type { Requirements } from "../../src/requirements/index.ts";
import type { SourceKind, SourceText } from "../../src/requirements/source.ts";
import { asked, asking } from "./stage.ts";

const places = ["/srv", "/srv/a", "/srv/a/b", "/srv/b", "~/ws", "~/ws/docs", "/opt"] as const;
const hosts = ["a.test", "x.a.test", "b.test", "c.test"] as const;
const patterns = ["a.test", "*.a.test", "**.a.test", "b.test", "c.test"] as const;

const queries: readonly Query[] = [
  ...places.flatMap((place) => {
    const path = `${place.replace("~", "/home/u")}/file`;
    return [{ op: "read", path } as const, { op: "write", path } as const];
  }),
  ...hosts.map((host) => ({ op: "connect", host, port: 443 }) as const),
];

/** What one source may say, as the value of JSON, which TOML's inline form is written from. */
const statement = fc.record(
  {
    deny_read: fc.subarray([...places], { minLength: 1 }),
    deny_write: fc.subarray([...places], { minLength: 1 }),
    modes: fc.subarray(["workspace-write", "danger-full-access"] as const),
    profiles: fc.subarray([":isolated", ":workspace", ":read-only"] as const, { minLength: 1 }),
    enabled: fc.boolean(),
    allowed: fc.subarray([...patterns], { minLength: 1 }),
    denied: fc.subarray([...patterns], { minLength: 1 }),
    only: fc.boolean(),
    exception: fc.constantFrom(...places),
  },
  { requiredKeys: [] },
);

type Statement = typeof statement extends fc.Arbitrary<infer T> ? T : never;

const list = (words: readonly string[]): string => JSON.stringify(words);

function written(said: Statement): string {
  const { deny_read, deny_write, modes, profiles, enabled, allowed, denied, only, exception } = said;
  const lines = [
    modes && `allowed_sandbox_modes = ${list(["read-only", ...modes])}`,
    profiles && `allowed_permission_profiles = { ${profiles.map((name) => `"${name}" = true`).join(", ")} }`,
    deny_read && `permissions.filesystem.deny_read = ${list(deny_read)}`,
    deny_write && `permissions.filesystem.deny_write = ${list(deny_write)}`,
    enabled !== undefined && `network.enabled = ${enabled}`,
    allowed && `network.allowed_domains = ${list(allowed)}`,
    denied && `network.denied_domains = ${list(denied)}`,
    only !== undefined && `network.managed_allowed_domains_only = ${only}`,
    exception &&
      `[[exceptions]]\nid = "E"\nreason = "r"\napprover = "a"\nexpires = 2999-01-01T00:00:00Z\npermissions.filesystem.allow_read = ${list([exception])}`,
  ];
  return lines.filter((line) => typeof line === "string").join("\n");
}

const kinds: readonly SourceKind[] = ["system", "bundle", "macos", "windows"];

function texts(statements: readonly Statement[]): readonly SourceText[] {
  return statements.map((said, index) => {
    const kind = kinds[index] ?? "windows";
    return { kind, name: `${kind}.toml`, text: written(said) };
  });
}

const flags = fc.record({
  permissions: fc.constantFrom(null, ":isolated", ":workspace", ":danger-full-access"),
  write: fc.subarray(["/srv", "/srv/a/b", "/opt"]),
  read: fc.subarray(["/srv/a", "/opt"]),
  network: fc.constantFrom(null, "off", "restricted", "full"),
  allowDomain: fc.subarray([...patterns]),
});

/** A file of the user's and `-c` options that ask for more. */
const files = fc.record({
  base: fc.constantFrom(":isolated", ":workspace", ":read-only"),
  access: fc.constantFrom("read", "write"),
  granted: fc.subarray([...places]),
  mode: fc.constantFrom("restricted", "full"),
  domains: fc.subarray([...patterns]),
  override: fc.subarray([
    "permissions.mine.network.mode=full",
    'permissions.mine.filesystem."/srv"=write',
    "default_permissions=:danger-full-access",
  ]),
});

function userFile({
  base,
  access,
  granted,
  mode,
  domains,
}: typeof files extends fc.Arbitrary<infer T> ? T : never): string {
  const table = (words: readonly string[], value: string): string =>
    words.map((word) => `"${word}" = "${value}"\n`).join("");
  return `default_permissions = "mine"\n[permissions.mine]\nextends = "${base}"\n[permissions.mine.filesystem]\n${table(granted, access)}[permissions.mine.network]\nmode = "${mode}"\n[permissions.mine.network.domains]\n${table(domains, "allow")}`;
}

/** What may be done; null where nothing runs at all. */
async function effective(config: Config, requirements: Promise<Requirements>): Promise<readonly boolean[] | null> {
  try {
    const decide = asking(bound(config, await requirements).policy);
    return queries.map((query) => decide(query).effect === "allow");
  } catch (error) {
    if (error instanceof SandboxedError && error.code === "requirements_conflict") return null;
    throw error;
  }
}

const now = Date.parse("2026-06-01T00:00:00Z");
const here = { hostname: "build-7", user: "ada" };
const of = (statements: readonly Statement[]): Promise<Requirements> => assemble(texts(statements), here, now);

/** Of what `narrow` allows, what `wide` does not. */
function beyond(narrow: readonly boolean[] | null, wide: readonly boolean[] | null): readonly Query[] {
  return queries.filter((_, index) => narrow?.[index] === true && wide?.[index] !== true);
}

/** Destinations are added by `allowed_domains`, by design, and by nothing else. */
function unlessAdded(found: readonly Query[], { allowed = [] }: Statement): readonly Query[] {
  return found.filter((query) => query.op !== "connect" || allowed.length === 0);
}

describe("requirements of several sources", () => {
  it("leave no more than any of them, and another source never adds but the destinations it manages", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(statement, { minLength: 1, maxLength: 3 }),
        statement,
        flags,
        async (said, more, flag) => {
          const config = await asked({}, flag);
          const before = await effective(config, of(said));
          const all = await effective(config, of([...said, more]));
          expect(unlessAdded(beyond(all, before), more)).toEqual([]);
          const free = await effective(config, Promise.resolve(noRequirements));
          expect(beyond(all, free).filter(({ op }) => op !== "connect")).toEqual([]);
        },
      ),
      { numRuns: 80 },
    );
  });

  it("say the same in whatever order they come", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(statement, { minLength: 2, maxLength: 4 }), flags, async (said, flag) => {
        const config = await asked({}, flag);
        expect(await effective(config, of(said.toReversed()))).toEqual(await effective(config, of(said)));
      }),
      { numRuns: 60 },
    );
  });

  it("hold what each forbids by itself, whatever is asked for", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(statement, { minLength: 1, maxLength: 4 }), flags, files, async (said, flag, own) => {
        const { override: overrides } = own;
        const all = await effective(await asked({ user: userFile(own) }, { ...flag, overrides }), of(said));
        for (const one of said) {
          const reopened = one.exception?.replace("~", "/home/u");
          for (const path of one.deny_read ?? []) {
            const file = `${path.replace("~", "/home/u")}/file`;
            if (reopened !== undefined && `${file}/`.startsWith(`${reopened}/`)) continue;
            const index = queries.findIndex((query) => query.op === "read" && query.path === file);
            expect([file, all?.[index] ?? false]).toEqual([file, false]);
          }
          for (const path of one.deny_write ?? []) {
            const file = `${path.replace("~", "/home/u")}/file`;
            const index = queries.findIndex((query) => query.op === "write" && query.path === file);
            expect([file, all?.[index] ?? false]).toEqual([file, false]);
          }
          if (one.enabled === false && all !== null) expect(all.slice(places.length * 2)).not.toContain(true);
        }
      }),
      { numRuns: 80 },
    );
  });
});
