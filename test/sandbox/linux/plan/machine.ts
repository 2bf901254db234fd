import type { AbsolutePath, Policy, Profile, ProtectedPath } from "../../../../src/policy/index.ts";
import { absolutePath, builtinProfile, compile, resolve } from "../../../../src/policy/index.ts";
import type { HostFacts, PathKind } from "../../../../src/sandbox/facts.ts";
import { planLaunch } from "../../../../src/sandbox/linux/plan/index.ts";
import type { LaunchPlan } from "../../../../src/sandbox/plan.ts";

/** A machine that exists on paper: what each path is, and nothing else. */
const tree: Readonly<Record<string, PathKind>> = {
  "/": "directory",
  "/usr": "directory",
  "/usr/bin": "directory",
  "/usr/bin/true": "file",
  "/etc/passwd": "file",
  "/home/ann": "directory",
  "/home/ann/work": "directory",
  "/home/ann/work/.git": "directory",
  "/home/ann/work/.git/hooks": "directory",
  "/home/ann/work/.git/config": "file",
  "/home/ann/work/docs": "directory",
  "/home/ann/work/secret": "file",
  "/home/ann/.ssh": "directory",
  "/home/ann/.ssh/id_ed25519": "file",
  "/srv/data": "directory",
  "/tmp": "directory",
};

export const workspace = absolutePath("/home/ann/work");

const protectedPaths: readonly ProtectedPath[] = [
  {
    path: absolutePath("/home/ann/work/.git/hooks"),
    kind: "directory",
    list: "git",
    name: ".git/hooks",
    root: workspace,
  },
  { path: absolutePath("/home/ann/work/.git/config"), kind: "file", list: "git", name: ".git/config", root: workspace },
  { path: absolutePath("/home/ann/work/.vscode"), kind: "missing", list: "tools", name: ".vscode", root: workspace },
];

export function facts(account = { uid: 1000, gid: 1000 }): HostFacts {
  return {
    kernel: {
      release: "6.18.0",
      arch: "x64",
      bootId: "boot",
      landlockAbi: 7,
      pidMaxPerNamespace: true,
      userNamespaces: "ok",
      freshProc: true,
      bwrap: { path: absolutePath("/usr/bin/bwrap"), version: "0.8.0" },
    },
    account: { ...account, name: "ann", home: absolutePath("/home/ann") },
    cwd: workspace,
    tmpdir: null,
    environment: new Map([
      ["PATH", "/usr/bin"],
      ["HOME", "/home/ann"],
      ["LANG", "C.UTF-8"],
      ["API_TOKEN", "hidden"],
    ]),
    platform: [absolutePath("/usr"), absolutePath("/etc/passwd")],
    platformLinks: [{ path: absolutePath("/bin"), to: "usr/bin" }],
    toolchains: [],
    repositories: [],
    protectedPaths,
    sockets: [absolutePath("/home/ann/work/host.sock")],
    memoryBytes: 8_000_000_000,
    look: (path) => ({
      kind: tree[path] ?? "missing",
      identity: { dev: "1", ino: String(Object.keys(tree).indexOf(path)) },
      uid: 1000,
      gid: 1000,
    }),
    canonical: (path) => path,
    program: (path) => (tree[path] === "file" ? "executable" : tree[path] === "directory" ? "directory" : "missing"),
  };
}

/** The plan of `true` in the workspace of that machine. */
export function planOf(
  change: (profile: Profile) => Profile = (profile) => profile,
  host: HostFacts = facts(),
): LaunchPlan {
  const base = builtinProfile(":isolated");
  if (base === null) throw new Error("no :isolated");
  const policy: Policy = { layers: [{ layer: "builtin", profile: change(base) }] };
  const resolved = resolve(policy, {
    home: host.account.home,
    cwd: host.cwd,
    workspaceRoots: [workspace],
    tmpdir: null,
    minimal: host.platform,
    toolchains: [],
    toolState: [absolutePath("/home/ann/.cache/sandboxed")],
    protectedPaths,
    canonical: (path: AbsolutePath) => path,
  });
  return planLaunch({
    resolved,
    oracle: compile(resolved),
    facts: host,
    program: "true",
    arguments: ["one", "two words"],
    script: null,
    session: "20260101-000000-0000000000000000",
    terminal: "inherit",
    backend: "bwrap",
    homes: absolutePath("/home/ann/.cache/sandboxed/homes"),
    placeholders: [],
    made: [],
    list: () => new Map(),
    publish: [],
    channel: false,
    clients: absolutePath("/opt/sandboxed-run/clients/python"),
    doorFolder: absolutePath("/home/ann/.cache/sandboxed/door"),
  }).plan;
}
