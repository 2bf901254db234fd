import { describe, expect, it } from "vitest";
import { absolutePath, applyPatch, compile, emptyProfile, mode, readLegacy, resolve } from "../../src/policy/index.ts";
import type { AbsolutePath, Oracle, Places, RawLegacySettings, RawSandboxPolicy } from "../../src/policy/index.ts";
import { fromUser, machine, profile, oracle } from "./machine.ts";

type Legacy = RawLegacySettings | RawSandboxPolicy;

function bridged(raw: Legacy, root: AbsolutePath | null = null, places: Places = machine()): Oracle {
  const made = applyPatch(emptyProfile("legacy"), readLegacy(raw, fromUser, root));
  return compile(resolve({ layers: [{ layer: "user", profile: made }] }, places));
}

function access(asked: Oracle, path: string): string {
  const write = asked.decide({ op: "write", path });
  if (write.effect === "allow") return write.where === "private" ? "private" : "write";
  return asked.decide({ op: "read", path }).effect === "allow" ? "read" : "deny";
}

const nested: RawSandboxPolicy = {
  type: "workspaceWrite",
  writable_roots: ["/srv/w"],
  read_only_access: {
    type: "restricted",
    include_platform_defaults: true,
    readable_roots: ["/srv/w/docs", "/srv/w", "/srv/r"],
  },
};

describe("a legacy form", () => {
  it.each<readonly [string, Legacy, Readonly<Record<string, string>>]>([
    [
      "read-only",
      { sandbox_mode: "read-only" },
      { "/srv/x": "read", "/home/u/ws/a": "read", "/tmp/x": "private", "/home/u/.ssh/id": "deny" },
    ],
    ["nothing said", {}, { "/srv/x": "read", "/home/u/ws/a": "read" }],
    [
      "workspace-write",
      { sandbox_mode: "workspace-write" },
      { "/srv/x": "read", "/home/u/ws/a": "write", "/tmp/x": "write", "/home/u/ws/.git/config": "read" },
    ],
    [
      "workspace-write, narrowed",
      {
        sandbox_mode: "workspace-write",
        sandbox_workspace_write: { writable_roots: ["/srv/w"], exclude_slash_tmp: true },
      },
      { "/srv/x": "read", "/srv/w/a": "write", "/tmp/x": "private" },
    ],
    ["danger-full-access", { sandbox_mode: "danger-full-access" }, { "/srv/x": "write", "/home/u/.ssh/id": "write" }],
    ["readOnly", { type: "readOnly" }, { "/srv/x": "read" }],
    [
      "readOnly, restricted",
      {
        type: "readOnly",
        access: { type: "restricted", include_platform_defaults: false, readable_roots: ["/srv/r"] },
      },
      { "/srv/r/a": "read", "/srv/x": "deny", "/usr/bin/x": "deny" },
    ],
    [
      "readOnly, with the platform",
      { type: "readOnly", access: { type: "restricted" } },
      { "/usr/bin/x": "read", "/srv/x": "deny" },
    ],
    [
      "a redundant readable root stays writable",
      nested,
      { "/srv/w/docs/a": "write", "/srv/w/a": "write", "/srv/r/a": "read", "/srv/x": "deny" },
    ],
    [
      "workspaceWrite",
      { type: "workspaceWrite", writableRoots: ["/srv/w"] },
      { "/srv/w/a": "write", "/home/u/ws/a": "write", "/srv/x": "read" },
    ],
    ["externalSandbox", { type: "externalSandbox" }, { "/srv/x": "write" }],
    ["dangerFullAccess", { type: "dangerFullAccess" }, { "/srv/x": "write" }],
  ])("%s", (_, raw, expected) => {
    const asked = bridged(raw);
    for (const [path, given] of Object.entries(expected)) expect([path, access(asked, path)]).toEqual([path, given]);
  });

  it("keeps a redundant readable root writable through a symlink as well", () => {
    const places = machine({}, { "/link": "/srv/w" });
    const raw: RawSandboxPolicy = {
      ...nested,
      read_only_access: { type: "restricted", readable_roots: ["/link/docs"] },
    };
    expect(access(bridged(raw, null, places), "/srv/w/docs/a")).toBe("write");
  });

  it("means a carve-out when it is written as a profile", () => {
    const split = oracle(profile({ filesystem: { "/srv/w": "write", "/srv/w/docs": "read" } }));
    expect(access(split, "/srv/w/docs/a")).toBe("read");
    expect(access(split, "/srv/w/a")).toBe("write");
  });

  it("takes the sandbox's root, not the command's directory", () => {
    const asked = bridged({ type: "workspaceWrite" }, absolutePath("/srv/project"));
    expect(access(asked, "/srv/project/a")).toBe("write");
    expect(access(asked, "/home/u/ws/a")).toBe("read");
    expect(access(bridged({ type: "workspaceWrite" }), "/home/u/ws/a")).toBe("write");
  });

  it("starts its workspace at the working directory, not at the repository", () => {
    expect(applyPatch(emptyProfile("x"), readLegacy({ type: "workspaceWrite" }, fromUser)).workspace).toBe("cwd");
  });

  it.each<readonly [Legacy, string, string]>([
    [{ sandbox_mode: "read-only" }, "off", "read-only"],
    [{ sandbox_mode: "workspace-write" }, "off", "workspace-write"],
    [{ sandbox_mode: "workspace-write", sandbox_workspace_write: { network_access: true } }, "full", "workspace-write"],
    [{ sandbox_mode: "read-only", sandbox_workspace_write: { network_access: true } }, "off", "read-only"],
    [{ sandbox_mode: "danger-full-access" }, "full", "danger-full-access"],
    [{ type: "readOnly", networkAccess: true }, "full", "read-only"],
    [{ type: "workspaceWrite", network_access: true }, "full", "workspace-write"],
    [{ type: "externalSandbox", networkAccess: "enabled" }, "full", "danger-full-access"],
    [{ type: "externalSandbox" }, "off", "danger-full-access"],
  ])("%j has network %s and mode %s", (raw, network, expected) => {
    const made = applyPatch(emptyProfile("x"), readLegacy(raw, fromUser));
    expect([made.network.mode, mode(made)]).toEqual([network, expected]);
  });

  it.each<readonly [string, Legacy, RegExp]>([
    ["relative root", { type: "workspaceWrite", writableRoots: ["w"] }, /config.toml:1: "w" is not an absolute path/],
    [
      "relative readable root",
      { type: "readOnly", access: { type: "restricted", readable_roots: ["r"] } },
      /"r" is not an absolute path/,
    ],
    ["the same field twice", { type: "workspaceWrite", writableRoots: [], writable_roots: [] }, /are the same field/],
    [
      "access twice",
      { type: "workspaceWrite", access: { type: "fullAccess" }, read_only_access: { type: "fullAccess" } },
      /are the same field/,
    ],
    [
      "full access with roots",
      { type: "readOnly", access: { type: "fullAccess", readable_roots: ["/r"] } },
      /takes no further fields/,
    ],
  ])("%s is refused", (_, raw, message) => {
    expect(() => readLegacy(raw, fromUser)).toThrow(message);
  });
});
