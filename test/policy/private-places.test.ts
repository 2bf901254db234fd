import { describe, expect, it } from "vitest";
import { absolutePath } from "../../src/policy/index.ts";
import type { PathOperation, Places, RawProfile } from "../../src/policy/index.ts";
import { builtin, machine, oracle, profile } from "./machine.ts";

type Filesystem = NonNullable<RawProfile["filesystem"]>;

function answer(
  filesystem: Filesystem,
  op: PathOperation,
  path: string,
  places: Places = machine(),
  base = ":isolated",
): string {
  const { effect, reason, where } = oracle(profile({ extends: base, filesystem }), places).decide({ op, path });
  return `${effect} ${reason} ${where}`;
}

describe("private places", () => {
  it("are no finer than the layer that insists on them: what another grants of the host inside stays out", () => {
    const grants = profile({ extends: ":isolated", filesystem: { "~/.pgpass": "read", "~/data": "read" } });
    const steps = (profiles: readonly ReturnType<typeof profile>[]): readonly string[] =>
      oracle(profiles)
        .materialise()
        .filter(({ path }) => path.startsWith("/home/u/.pg") || path.startsWith("/home/u/data"))
        .map(({ path, access, where }) => `${access} ${path} ${where}`);
    expect(steps([grants])).toEqual(["read /home/u/.pgpass host", "read /home/u/data host"]);
    expect(steps([grants, builtin(":isolated")])).toEqual([]);
  });

  it.each<readonly [string, Filesystem, Partial<Places>, string, string]>([
    ["the home", {}, {}, "/home/u/x", "allow granted private"],
    ["a host directory in it", { "~/data": "write" }, {}, "/home/u/data/x", "allow granted host"],
    ["the host's home when named", { "~": "write" }, {}, "/home/u/x", "allow granted host"],
    ["/tmp", {}, {}, "/tmp/x", "allow granted private"],
    ["the host's /tmp when named", { ":slash_tmp": "write" }, {}, "/tmp/x", "allow granted host"],
    ["the host's /tmp by path", { "/tmp": "write" }, {}, "/tmp/x", "allow granted host"],
    ["no /tmp at all", { ":slash_tmp": "deny" }, {}, "/tmp/x", "deny denied_by_rule masked"],
    ["$TMPDIR", {}, { tmpdir: absolutePath("/scratch/u") }, "/scratch/u/x", "allow granted private"],
    [
      "the host's $TMPDIR when named",
      { ":tmpdir": "write" },
      { tmpdir: absolutePath("/scratch/u") },
      "/scratch/u/x",
      "allow granted host",
    ],
    ["unset $TMPDIR", { ":tmpdir": "write" }, {}, "/scratch/u/x", "deny no_rule masked"],
    ["/dev is never the host's", { "/dev": "write" }, {}, "/dev/sda", "allow granted private"],
    ["/dev may be taken away", { "/dev": "deny" }, {}, "/dev/null", "deny denied_by_rule masked"],
    [
      "an own deny in a private home stays",
      { "~/secret": "deny" },
      {},
      "/home/u/secret/x",
      "deny denied_by_rule masked",
    ],
    [
      "a home that is / is not private",
      {},
      { home: absolutePath("/"), workspaceRoots: [], toolchains: [] },
      "/srv/x",
      "deny no_rule masked",
    ],
  ])("%s", (_, filesystem, over, path, expected) => {
    expect(answer(filesystem, "write", path, machine(over))).toBe(expected);
  });

  it.each(["/", "/home", "/home/u", "/home/u/ws", "/usr", "/usr/share", "/etc"])(
    "TMPDIR=%s grants nothing",
    (tmpdir) => {
      const places = machine({ tmpdir: absolutePath(tmpdir) });
      expect(() => answer({ ":tmpdir": "write" }, "write", "/etc/x", places)).toThrow(/TMPDIR/);
      expect(answer({}, "write", "/etc/passwd", places)).toBe("deny read_only host");
      expect(answer({}, "write", "/home/u/ws/x", places)).toBe("allow granted host");
    },
  );
});

describe("credentials", () => {
  it.each<readonly [string, Filesystem, string, string, string]>([
    ["hidden by the private home", {}, ":isolated", "/home/u/.aws/credentials", "allow granted private"],
    ["denied under a granted home", { "~": "read" }, ":isolated", "/home/u/.aws/credentials", "deny credential masked"],
    [
      "denied by pattern under a granted home",
      { "~": "read" },
      ":isolated",
      "/home/u/.yarnrc.yml",
      "deny credential masked",
    ],
    [
      "denied under a granted parent",
      { "~/.config": "read" },
      ":isolated",
      "/home/u/.config/gh/hosts.yml",
      "deny credential masked",
    ],
    ["opened by name", { "~/.aws": "read" }, ":workspace", "/home/u/.aws/credentials", "allow granted host"],
    [
      "opened by absolute name",
      { "/home/u/.aws": "read" },
      ":workspace",
      "/home/u/.aws/credentials",
      "allow granted host",
    ],
    ["opened below", { "~/.ssh/known_hosts": "read" }, ":workspace", "/home/u/.ssh/known_hosts", "allow granted host"],
    ["and only there", { "~/.ssh/known_hosts": "read" }, ":workspace", "/home/u/.ssh/id", "deny credential masked"],
    [
      "opened below in a private home",
      { "~/.ssh/known_hosts": "read" },
      ":isolated",
      "/home/u/.ssh/known_hosts",
      "allow granted host",
    ],
    ["and not beside it", { "~/.ssh/known_hosts": "read" }, ":isolated", "/home/u/.ssh/id", "deny credential masked"],
    ["not opened by the home", { "~": "write" }, ":workspace", "/home/u/.netrc", "deny credential masked"],
    [
      "a pattern's file opened by name",
      { "~/.yarnrc.yml": "read" },
      ":workspace",
      "/home/u/.yarnrc.yml",
      "allow granted host",
    ],
    ["denied in a profile that extends nothing", { ":root": "read" }, "", "/home/u/.ssh/id", "deny credential masked"],
    [
      "left alone where everything is allowed",
      { "/x": "deny" },
      ":danger-full-access",
      "/home/u/.ssh/id",
      "allow granted host",
    ],
  ])("%s", (_, filesystem, base, path, expected) => {
    const made = profile({ ...(base !== "" && { extends: base }), filesystem });
    const { effect, reason, where } = oracle(made).decide({ op: "read", path });
    expect(`${effect} ${reason} ${where}`).toBe(expected);
  });

  it("is named, with what would show it, where the private home has another", () => {
    const asked = oracle(builtin(":isolated"));
    expect(asked.decide({ op: "read", path: "/home/u/.ssh/id_x" })).toMatchObject({
      effect: "allow",
      where: "private",
      rule: { kind: "credential", text: '"~/.ssh" = "deny"' },
      provenance: { file: "sandbox-profiles/credentials.toml" },
      suggestion: { argv: ["--read", "~/.ssh/id_x"] },
    });
    expect(asked.decide({ op: "read", path: "/home/u/.yarnrc.yml" }).rule?.kind).toBe("credential");
    expect(asked.decide({ op: "read", path: "/home/u/.cache/x" })).toMatchObject({
      rule: { kind: "filesystem" },
      suggestion: null,
    });
  });

  it("is denied where a symlink keeps it", () => {
    const places = machine({}, { "/home/u/.ssh": "/vault/ssh" });
    expect(answer({}, "read", "/vault/ssh/id", places, ":workspace")).toBe("deny credential masked");
    expect(answer({}, "read", "/vault/other", places, ":workspace")).toBe("allow granted host");
  });
});
