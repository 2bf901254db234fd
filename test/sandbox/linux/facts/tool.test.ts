import { describe, expect, it } from "vitest";
import { absolutePath, SandboxedError } from "../../../../src/policy/index.ts";
import { findBwrap } from "../../../../src/sandbox/linux/facts/bwrap.ts";
import {
  assertToolSafe,
  changeableBy,
  replaceableBy,
  toolLocations,
} from "../../../../src/sandbox/linux/facts/index.ts";
import { memoryDisk } from "./memory-disk.ts";
import type { Content, MemoryEntry } from "./memory-disk.ts";

/** The code of the refusal, null when there is none. */
function refusal(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return error instanceof SandboxedError ? error.code : "another error";
  }
}

const installed = (root: string, node = "/usr/bin/node") => ({
  packageRoot: absolutePath(root),
  natives: absolutePath(`${root}/dist/native`),
  node: absolutePath(node),
});

describe("a tool inside reach", () => {
  const disk = memoryDisk({
    "/opt/tool/dist/native/sandbox-init": "",
    "/ws/node_modules/tool": { link: "/opt/tool" },
    "/usr/bin/node": "",
    "/usr/bin/bwrap": "",
  });
  const facts = {
    canonical: disk.canonical,
    kernel: { bwrap: { path: absolutePath("/usr/bin/bwrap"), version: "0.8.0" } },
  };
  const cases: readonly (readonly [string, root: string, node: string, writable: string, safe: boolean])[] = [
    ["elsewhere", "/opt/tool", "/usr/bin/node", "/ws", true],
    ["beside, with a longer name", "/opt/tool", "/usr/bin/node", "/opt/too", true],
    ["installed in the workspace", "/ws/node_modules/x", "/usr/bin/node", "/ws", false],
    ["linked into the workspace", "/ws/node_modules/tool", "/usr/bin/node", "/ws", false],
    ["linked from outside to inside", "/ws/node_modules/tool", "/usr/bin/node", "/opt", false],
    ["the workspace is the tool's own checkout", "/opt/tool", "/usr/bin/node", "/opt/tool", false],
    ["a workspace inside the tool", "/opt/tool", "/usr/bin/node", "/opt/tool/dist", false],
    ["node in the workspace", "/opt/tool", "/ws/bin/node", "/ws", false],
    ["bubblewrap in a writable root", "/opt/tool", "/usr/bin/node", "/usr", false],
  ];
  it.each(cases)("%s", (_, root, node, writable, safe) => {
    const check = () => assertToolSafe([absolutePath(writable)], toolLocations(installed(root, node), facts));
    expect(refusal(check)).toBe(safe ? null : "tool_unsafe");
  });
});

type Tree = Readonly<Record<string, Content | MemoryEntry>>;

describe("a tool below a writable root is safe where the user could not change it", () => {
  const tool: Tree = { "/opt/tool/dist/native/sandbox-init": "", "/usr/bin/node": "", "/usr/bin/bwrap": "" };
  const cases: readonly (readonly [string, over: Tree, uid: number, safe: boolean])[] = [
    ["root's, in root's directories", {}, 1000, true],
    ["and the user is root", {}, 0, false],
    ["a file of the user's", { "/opt/tool/dist/run.js": { content: "", uid: 1000 } }, 1000, false],
    ["a file of somebody else's", { "/opt/tool/dist/run.js": { content: "", uid: 1234 } }, 1000, true],
    ["a file that all may write", { "/opt/tool/dist/run.js": { content: "", mode: 0o666 } }, 1000, false],
    ["a file that a group may write", { "/opt/tool/dist/run.js": { content: "", mode: 0o664 } }, 1000, false],
    ["a directory of the user's above", { "/opt": { content: null, uid: 1000 } }, 1000, false],
    ["a directory above that all may write", { "/opt": { content: null, mode: 0o777 } }, 1000, false],
    ["the same, where names are kept", { "/opt": { content: null, mode: 0o1777 } }, 1000, true],
    ["node is the user's", { "/usr/bin/node": { content: "", uid: 1000 } }, 1000, false],
    ["bubblewrap can be written by all", { "/usr/bin/bwrap": { content: "", mode: 0o777 } }, 1000, false],
  ];
  it.each(cases)("%s", (_, over, uid, safe) => {
    const disk = memoryDisk({ ...tool, ...over });
    const kernel = { bwrap: { path: absolutePath("/usr/bin/bwrap"), version: "0.8.0" } };
    const locations = toolLocations(installed("/opt/tool"), { canonical: disk.canonical, kernel });
    const check = () => assertToolSafe([absolutePath("/")], locations, changeableBy(uid, disk));
    expect(refusal(check)).toBe(safe ? null : "tool_unsafe");
    expect(refusal(() => assertToolSafe([absolutePath("/opt/tool/dist")], locations, changeableBy(uid, disk)))).toBe(
      "tool_unsafe",
    );
  });
});

describe("who could replace a program", () => {
  const cases: readonly (readonly [string, tree: Tree, trusted: boolean])[] = [
    ["root's, in root's directories", { "/a/b": "" }, true],
    ["the user's own", { "/a": { content: null, uid: 1000 }, "/a/b": { content: "", uid: 1000 } }, true],
    ["somebody else's", { "/a/b": { content: "", uid: 1234 } }, false],
    ["in somebody else's directory", { "/a": { content: null, uid: 1234 }, "/a/b": "" }, false],
    ["writable by its group", { "/a/b": { content: "", mode: 0o775 } }, false],
    ["writable by all", { "/a/b": { content: "", mode: 0o757 } }, false],
    ["in a directory writable by all", { "/a": { content: null, mode: 0o777 }, "/a/b": "" }, false],
    [
      "in a directory writable by all where names are kept",
      { "/a": { content: null, mode: 0o1777 }, "/a/b": "" },
      true,
    ],
    ["not executable", { "/a/b": { content: "", mode: 0o644 } }, false],
    ["a directory", { "/a/b": null }, false],
    ["missing", {}, false],
  ];
  it.each(cases)("%s", (_, tree, trusted) => {
    const why = replaceableBy(absolutePath("/a/b"), 1000, memoryDisk(tree));
    if (trusted) expect(why).toBeNull();
    else expect(why).toEqual(expect.any(String));
  });
});

describe("which bubblewrap", () => {
  const shim: Tree = { "/ws/bin/bwrap": { content: "", uid: 1000 }, "/ws/bin": { content: null, uid: 1000 } };
  const cases: readonly (readonly [string, tree: Tree, path: string, expected: string | null])[] = [
    ["the system's", { "/usr/bin/bwrap": "" }, "/usr/bin", "/usr/bin/bwrap"],
    [
      "the system's before a shim at the front of PATH",
      { "/usr/bin/bwrap": "", ...shim },
      "/ws/bin:/usr/bin",
      "/usr/bin/bwrap",
    ],
    ["one of PATH where the system has none", { "/opt/b/bwrap": "" }, "/none:/opt/b", "/opt/b/bwrap"],
    [
      "through a link, what it leads to",
      { "/opt/b/bwrap": { link: "real" }, "/opt/b/real": "" },
      "/opt/b",
      "/opt/b/real",
    ],
    ["not a relative entry", { "/bin2/bwrap": "" }, "bin2:.", null],
    ["not one that others may write", { "/opt/b/bwrap": { content: "", mode: 0o777 } }, "/opt/b", null],
    [
      "the next when the first cannot be trusted",
      { "/usr/bin/bwrap": { content: "", uid: 7 }, "/opt/b/bwrap": "" },
      "/opt/b",
      "/opt/b/bwrap",
    ],
    ["none", {}, "/usr/bin", null],
  ];
  it.each(cases)("%s", (_, tree, path, expected) => {
    const found = findBwrap(path, 1000, memoryDisk(tree));
    expect(found).toEqual(expected === null ? { missing: expect.any(String) } : { path: expected });
  });
});
