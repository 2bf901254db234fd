import { describe, expect, it } from "vitest";
import { absolutePath, builtinProfile, resolve, withProtectedPaths } from "../../src/policy/index.ts";
import type { Places, Policy, ProtectedPath } from "../../src/policy/index.ts";

const root = absolutePath("/home/ann/work");
const places: Places = {
  home: absolutePath("/home/ann"),
  cwd: root,
  workspaceRoots: [root],
  tmpdir: null,
  minimal: [absolutePath("/usr")],
  toolchains: [],
  toolState: [absolutePath("/home/ann/.cache/sandboxed")],
  protectedPaths: [],
  canonical: (path) => path,
};
const found: readonly ProtectedPath[] = [
  { path: absolutePath(`${root}/.git/hooks`), kind: "directory", list: "git", name: ".git/hooks", root },
  { path: absolutePath(`${root}/.vscode`), kind: "missing", list: "tools", name: ".vscode", root },
];

describe("protected paths found after the first resolution", () => {
  it.each([":isolated", ":workspace", ":read-only", ":danger-full-access"])("%s: as if they had been known", (name) => {
    const profile = builtinProfile(name);
    if (profile === null) throw new Error(name);
    const policy: Policy = { layers: [{ layer: "builtin", profile }] };
    const late = withProtectedPaths(resolve(policy, places), policy, found);
    expect(late).toEqual(resolve(policy, { ...places, protectedPaths: found }));
  });
});
