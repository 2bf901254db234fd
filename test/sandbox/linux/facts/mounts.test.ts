import { expect, it } from "vitest";
import { absolutePath } from "../../../../src/policy/index.ts";
import { otherNames } from "../../../../src/sandbox/linux/facts/index.ts";
import type { Disk } from "../../../../src/sandbox/linux/facts/index.ts";
import { aliasesOf, readMounts } from "../../../../src/sandbox/linux/facts/mounts.ts";
import { memoryDisk } from "./memory-disk.ts";

const root = "27 1 254:0 / / rw - ext4 /dev/vda rw";

function disk(lines: readonly string[]): Disk {
  const mounts = readMounts(`${[root, ...lines].join("\n")}\n`);
  return { ...memoryDisk({}), aliases: (path) => aliasesOf(path, mounts) };
}

const state = "/home/u/.local/state/sandboxed";

it.each<readonly [name: string, lines: readonly string[], found: readonly string[]]>([
  ["nothing is mounted twice", ["28 27 0:21 / /proc rw - proc proc rw"], []],
  ["the directory itself is bound", [`30 27 254:0 ${state} /mnt/a rw - ext4 /dev/vda rw`], ["/mnt/a"]],
  ["one above it is", ["30 27 254:0 /home /srv/h rw shared:1 - ext4 /dev/vda rw"], [`/srv/h/u/.local/state/sandboxed`]],
  ["one in it is", [`30 27 254:0 ${state}/sessions /ws/s rw - ext4 /dev/vda rw`], ["/ws/s"]],
  ["the whole file system is", ["30 27 254:0 / /sysroot rw - ext4 /dev/vda rw"], [`/sysroot${state}`]],
  ["one beside it is", ["30 27 254:0 /home/u/.local/state/sandboxed-x /mnt/a rw - ext4 /dev/vda rw"], []],
  ["another file system has the name", [`30 27 0:40 ${state} /mnt/a rw - tmpfs tmpfs rw`], []],
  [
    "its home is a file system of its own, mounted twice",
    ["30 27 8:1 / /home rw - ext4 /dev/sda1 rw", "31 27 8:1 / /data rw - ext4 /dev/sda1 rw"],
    [`/data/u/.local/state/sandboxed`],
  ],
  [
    "another file system lies over its home",
    ["30 27 0:40 / /home rw - tmpfs tmpfs rw", "31 27 254:0 /home /old rw - ext4 /dev/vda rw"],
    [],
  ],
  ["the name of the other place is escaped", [`30 27 254:0 ${state} /mnt/a\\040b rw - ext4 /dev/vda rw`], ["/mnt/a b"]],
  ["a line is no line", ["", "x", `30 27 0:4 net:[4026531840] /run/netns/x rw - nsfs nsfs rw`], []],
])("where %s", (_, lines, found) => {
  expect(otherNames([absolutePath(state)], disk(lines))).toEqual(found);
});
