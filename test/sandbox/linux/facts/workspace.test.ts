import { describe, expect, it } from "vitest";
import { absolutePath } from "../../../../src/policy/index.ts";
import { unsafeWorkspace, workspaceOf } from "../../../../src/sandbox/linux/facts/index.ts";
import type { Surroundings } from "../../../../src/sandbox/linux/facts/index.ts";
import { memoryDisk } from "./memory-disk.ts";
import type { Content, MemoryEntry } from "./memory-disk.ts";

const surroundings: Surroundings = {
  account: { uid: 1000, home: absolutePath("/home/u"), otherHomes: [absolutePath("/srv/accounts/u")] },
  platform: [absolutePath("/usr"), absolutePath("/etc/passwd")],
  tmpdir: absolutePath("/scratch/t"),
  toolchains: [{ name: "pyenv", roots: [absolutePath("/home/u/.pyenv/versions")], path: [], environment: [] }],
};

const refused = `
  / /home /home/u /srv/accounts /srv/accounts/u /tmp /var/tmp /var /opt /scratch/t /etc /etc/nginx /usr
  /usr/local/src/x /proc/1 /run/user/1000 /dev/shm/x /sys /boot /home/u/.ssh /home/u/.ssh/x /home/u/.config
  /home/u/.config/nvim /home/u/.aws /home/u/.anything /home/u/.local /home/u/.local/share /home/u/.local/bin
  /home/u/bin /srv/accounts/u/.ssh /home/u/.pyenv /home/u/.pyenv/versions/3.12/lib
`
  .trim()
  .split(/\s+/);
const accepted = `
  /home/u/work /home/u/work/.config /home/u/.cache/x /home/u/.local/src/x /home/other/x /tmp/x
  /var/lib/jenkins/x /opt/x /srv/x /work /scratch/t/x /etcetera /home/user2 /home/u/.sshx/y
`
  .trim()
  .split(/\s+/);

describe("a working directory as a workspace", () => {
  it.each(refused)("%s is not one by itself", (path) => {
    expect(unsafeWorkspace(absolutePath(path), surroundings)).toEqual(expect.any(String));
  });
  it.each(accepted)("%s is one", (path) => {
    expect(unsafeWorkspace(absolutePath(path), surroundings)).toBeNull();
  });
});

const git = (path: string, uid = 1000): Record<string, MemoryEntry> => ({
  [`${path}/.git`]: { content: null, uid },
  [`${path}/.git/HEAD`]: { content: "ref: refs/heads/main", uid },
  [`${path}/.git/objects`]: { content: null, uid },
});

describe("the workspace of a working directory", () => {
  const plain: Record<string, Content> = { "/home/u/work/a/b": null };
  const cases: readonly (readonly [
    string,
    cwd: string,
    tree: Record<string, Content | MemoryEntry>,
    expected: string,
  ])[] = [
    ["no repository", "/home/u/work/a", plain, "/home/u/work/a"],
    ["the top of a repository", "/home/u/work", { ...plain, ...git("/home/u/work") }, "/home/u/work"],
    ["inside a repository", "/home/u/work/a/b", { ...plain, ...git("/home/u/work") }, "/home/u/work"],
    [
      "the inner of two",
      "/home/u/work/a/b",
      { ...plain, ...git("/home/u/work"), ...git("/home/u/work/a") },
      "/home/u/work/a",
    ],
    ["inside its own .git", "/home/u/work/.git/hooks", git("/home/u/work"), "/home/u/work"],
    [
      "a linked work tree",
      "/home/u/tree/a",
      {
        "/home/u/tree/a": null,
        "/home/u/tree/.git": { content: "gitdir: /home/u/work/.git/worktrees/t\n", uid: 1000 },
      },
      "/home/u/tree",
    ],
    [
      "a file called .git that is none",
      "/home/u/x/a",
      { "/home/u/x/a": null, "/home/u/x/.git": { content: "x", uid: 1000 } },
      "/home/u/x/a",
    ],
    [
      "an empty .git",
      "/home/u/x/a",
      { "/home/u/x/a": null, "/home/u/x/.git": { content: null, uid: 1000 } },
      "/home/u/x/a",
    ],
    ["a home under version control", "/home/u/work/a", { ...plain, ...git("/home/u") }, "/home/u/work/a"],
    ["a repository planted above in /tmp", "/tmp/x", { "/tmp/x": null, ...git("/tmp") }, "/tmp/x"],
    [
      "a repository that somebody else put above",
      "/srv/all/me",
      { "/srv/all/me": { content: null, uid: 1000 }, ...git("/srv/all", 1234) },
      "/srv/all/me",
    ],
    [
      "the same of one's own",
      "/srv/all/me",
      { "/srv/all/me": { content: null, uid: 1000 }, ...git("/srv/all") },
      "/srv/all",
    ],
    [
      "somebody's checkout, in it",
      "/srv/all/me",
      { "/srv/all/me": { content: null, uid: 1234 }, ...git("/srv/all", 1234) },
      "/srv/all",
    ],
  ];
  it.each(cases)("%s", (_, cwd, tree, expected) => {
    expect(workspaceOf(absolutePath(cwd), "repo", surroundings, memoryDisk(tree))).toBe(expected);
    expect(workspaceOf(absolutePath(cwd), "cwd", surroundings, memoryDisk(tree))).toBe(cwd);
  });
});
