import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { readProfile, SandboxedError } from "../../src/policy/index.ts";
import { profileSchema } from "../../src/policy/read/schema.ts";
import type { ProvenanceOf, RawProfile } from "../../src/policy/index.ts";

/** The line is the number of the last key; good enough to see that each message asks for its own place. */
const atLine: ProvenanceOf = (keyPath) => ({
  layer: "user",
  file: "/etc/c.toml",
  line: keyPath.length,
  column: 1,
  owner: "you",
});

function failure(raw: RawProfile): string {
  try {
    readProfile("ci", raw, atLine);
  } catch (error) {
    if (error instanceof SandboxedError && error.code === "policy_invalid")
      return `${error.message} | ${error.hint ?? ""}`;
    throw error;
  }
  return "accepted";
}

describe("a table that cannot be meant", () => {
  it.each<readonly [string, RawProfile, string]>([
    [
      "unknown place",
      { filesystem: { ":worksapce_roots": "read" } },
      'c.toml:4: ":worksapce_roots" is no known place; did you mean ":workspace_roots"?',
    ],
    ["place with a slash", { filesystem: { ":workspace_roots/docs": "read" } }, "sub-paths go in a table"],
    ["relative path", { filesystem: { "docs/x": "read" } }, 'c.toml:4: "docs/x" is neither absolute'],
    ["place without colon", { filesystem: { root: "read" } }, 'did you mean ":root"?'],
    ["another user's home", { filesystem: { "~other/x": "read" } }, "home of another user"],
    ["NUL", { filesystem: { "/a\0b": "read" } }, "holds NUL"],
    ["line break", { filesystem: { "/a\nb": "read" } }, '"/a\\nb" holds a line break'],
    [
      "pattern that grants",
      { filesystem: { "/a/*.txt": "read" } },
      '"/a/*.txt" is a pattern, and patterns can only deny',
    ],
    ["subtree of a pattern that grants", { filesystem: { "/a/*/**": "write" } }, "patterns can only deny"],
    ["pattern with an open bracket", { filesystem: { "/a/[x": "deny" } }, "without its closing one"],
    ["pattern with a bomb", { filesystem: { [`/a/${"{b,c}".repeat(12)}`]: "deny" } }, "more than 256"],
    [
      "sub-path with ..",
      { filesystem: { ":workspace_roots": { "../x": "read" } } },
      'c.toml:5: "../x" must be a relative path without . and ..',
    ],
    ["absolute sub-path", { filesystem: { ":workspace_roots": { "/x": "read" } } }, '"/x" must be a relative path'],
    ["home path with ..", { filesystem: { "~/../other": "read" } }, "without . and .."],
    [
      "sub-paths of a place that has none",
      { filesystem: { ":minimal": { x: "read" } } },
      ":minimal takes no sub-paths",
    ],
    ["sub-paths of a pattern", { filesystem: { "/a/*": { x: "deny" } } }, "takes no table of sub-paths"],
    ["writable platform", { filesystem: { ":minimal": "write" } }, ":minimal cannot be written"],
    ["writable toolchains", { filesystem: { ":toolchains": "write" } }, ":toolchains cannot be written"],
    ["read-only private home", { filesystem: { ":home": "read" } }, '"~" = "read"'],
    ["relative root", { workspace_roots: ["src"] }, 'c.toml:3: "src" is not an absolute path'],
    ["unknown bundle", { network: { bundles: ["pipy"] } }, 'c.toml:4: there is no bundle "pipy"; did you mean "pypi"?'],
    [
      "host with a scheme",
      { network: { domains: { "https://a.example": "allow" } } },
      'c.toml:5: "https://a.example" is not a host pattern',
    ],
    ["host with a star inside", { network: { domains: { "a.*.example": "allow" } } }, "is not a host pattern"],
    ["every host", { network: { domains: { "*": "allow" } } }, "covers every host"],
    ["a whole top-level domain", { network: { domains: { "*.com": "allow" } } }, "covers a whole top-level domain"],
    ["odd address", { network: { domains: { "127.1": "allow" } } }, "is not a host pattern"],
    ["block with bits behind its mask", { network: { domains: { "10.0.0.1/8": "allow" } } }, "is not a host pattern"],
    ["port too large", { network: { domains: { "a.example:70000": "allow" } } }, "is not a host pattern"],
    [
      "resolve_to of a name",
      { network: { domains: { "a.example": { access: "allow", resolve_to: ["b.example"] } } } },
      "neither an address nor a block",
    ],
    [
      "relative socket",
      { network: { unix_sockets: { "run/x": "allow" } } },
      'c.toml:5: "run/x" is not an absolute path',
    ],
    ["socket pattern", { network: { unix_sockets: { "/run/*": "allow" } } }, "is a pattern"],
    [
      "socket that hands out the host",
      { network: { unix_sockets: { "/run/docker.sock": "allow" } } },
      "dangerous = true",
    ],
    ["all variables by star", { environment: { include: ["*"] } }, 'inherit = "all"'],
    ["variable with =", { environment: { include: ["A=B"] } }, 'c.toml:4: "A=B" cannot be the name of a variable'],
    ["variable set by pattern", { environment: { set: { "A*": "1" } } }, "cannot be the name of a variable"],
    ["variable with NUL", { environment: { set: { A: "1\0" } } }, "holds NUL"],
    ["duration", { limits: { wall_time: "10 minutes" } }, 'c.toml:4: "10 minutes" is not a duration'],
    ["no time at all", { limits: { wall_time: 0 } }, "is not a duration"],
    ["no end of questions", { limits: { max_pause: "none" } }, 'c.toml:4: "none" is not a duration'],
    ["size", { limits: { memory: "2 gigs" } }, 'c.toml:4: "2 gigs" is not a size'],
    ["negative size", { limits: { tmp_size: -1 } }, "is not a size"],
    ["part of a process", { limits: { processes: 1.5 } }, "1.5 is not a whole number"],
    [
      "unknown protected name",
      { protect: { off: [".vscdoe"] } },
      'c.toml:4: ".vscdoe" is not on the list of protected names; did you mean ".vscode"?',
    ],
    ["git by name", { protect: { off: [".git/hooks"] } }, 'protect.git = "off"'],
  ])("%s", (_, raw, words) => {
    expect(failure(raw)).toContain(words);
  });
});

describe("a table that is meant", () => {
  it("is read as the design shows it", () => {
    const text = `
      extends = ":isolated"
      description = "continuous integration"
      deny_glob = "strict"
      workspace_roots = ["/srv/shared/"]
      [filesystem]
      "/data" = "read"
      "/x" = { "." = "read", "y/z" = "none" }
      "~/c" = { "." = "write" }
      ":workspace_roots" = { "." = "write", "docs" = "read", "**/.env" = "deny" }
      [network]
      mode = "restricted"
      bundles = ["pypi"]
      domains = { "api.github.com" = "allow", "git.example.com:22" = "allow", "**.corp.example.com" = { access = "allow", resolve_to = ["10.0.0.0/8"] } }
      unix_sockets = { "/run/x.sock" = "allow", "/run/docker.sock" = { access = "allow", dangerous = true } }
      [limits]
      wall_time = "10m"
      memory = "2GiB"
      processes = 256
      open_files = 1024
      tmp_size = "1GiB"
      [protect]
      git = "all"
      off = [".vscode", "*.code-workspace"]`;
    const patch = readProfile("ci", profileSchema.parse(parse(text)), atLine);
    expect(patch).toMatchObject({
      name: "ci",
      extends: { name: ":isolated", provenance: { line: 3 } },
      denyGlob: "strict",
      workspaceRoots: ["/srv/shared"],
      network: {
        mode: { value: "restricted" },
        bundles: ["pypi"],
        domains: [
          { pattern: "pypi.org", access: "allow", resolveTo: [] },
          { pattern: "files.pythonhosted.org", access: "allow", resolveTo: [] },
          { pattern: "api.github.com", access: "allow", resolveTo: [] },
          { pattern: "git.example.com:22", access: "allow" },
          { pattern: "**.corp.example.com", access: "allow", resolveTo: ["10.0.0.0/8"] },
        ],
        unixSockets: [
          { path: "/run/x.sock", dangerous: false },
          { path: "/run/docker.sock", dangerous: true },
        ],
      },
      limits: { wallTime: 600_000, memory: 2 * 1024 ** 3, processes: 256, openFiles: 1024, tmpSize: 1024 ** 3 },
      protect: { git: "all", off: new Set([".vscode", "*.code-workspace"]) },
    });
    expect(patch.entries?.map(({ target, access, text: shown }) => [target, access, shown])).toEqual([
      [{ kind: "path", path: "/data" }, "read", '"/data" = "read"'],
      [{ kind: "path", path: "/x" }, "read", '"/x" = { "." = "read" }'],
      [{ kind: "path", path: "/x/y/z" }, "deny", '"/x" = { "y/z" = "deny" }'],
      [{ kind: "home", subpath: "c" }, "write", '"~/c" = { "." = "write" }'],
      [{ kind: "token", token: ":workspace_roots", subpath: "" }, "write", '":workspace_roots" = { "." = "write" }'],
      [
        { kind: "token", token: ":workspace_roots", subpath: "docs" },
        "read",
        '":workspace_roots" = { "docs" = "read" }',
      ],
      [
        { kind: "glob", pattern: "**/.env", base: ":workspace_roots" },
        "deny",
        '":workspace_roots" = { "**/.env" = "deny" }',
      ],
    ]);
    expect(patch.environment).toBeUndefined();
  });

  it.each<readonly [string, RawProfile["limits"], object]>([
    ["seconds", { wall_time: 90 }, { wallTime: 90_000 }],
    ["for questions", { max_pause: "5m" }, { maxPause: 300_000 }],
    ["compound", { wall_time: "1h30m" }, { wallTime: 5_400_000 }],
    ["no limit", { wall_time: "none", memory: "none" }, { wallTime: null, memory: null }],
    ["automatic", { memory: "auto" }, { memory: "auto" }],
    ["bytes", { shm_size: 4096 }, { shmSize: 4096 }],
    ["decimal units", { home_size: "1.5GB" }, { homeSize: 1_500_000_000 }],
    ["short units", { data: "64M" }, { data: 64 * 1024 ** 2 }],
  ])("limits: %s", (_, limits, expected) => {
    expect(readProfile("x", { limits }, atLine).limits).toEqual(expected);
  });
});
