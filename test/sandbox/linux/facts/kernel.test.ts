import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absolutePath } from "../../../../src/policy/index.ts";
import type { AbsolutePath } from "../../../../src/policy/index.ts";
import { openDisk } from "../../../../src/sandbox/linux/facts/index.ts";
import type { Disk } from "../../../../src/sandbox/linux/facts/index.ts";
import { readKernel } from "../../../../src/sandbox/linux/facts/kernel.ts";
import { coversOf, readMounts } from "../../../../src/sandbox/linux/facts/mounts.ts";

let folder: AbsolutePath;
beforeEach(() => {
  folder = absolutePath(realpathSync(mkdtempSync(`${tmpdir()}/kernel-`)));
  mkdirSync(`${folder}/bin`);
  mkdirSync(`${folder}/cache`, { mode: 0o700 });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const hidden = (path: string): boolean => path.endsWith("/bwrap") && !path.startsWith(folder);

/** This machine as if the system's bubblewrap were not installed; with another table of mounts when given. */
function diskWithoutBwrap(mounts?: string): Disk {
  const disk = openDisk();
  return {
    ...disk,
    look: (path) => (hidden(path) ? disk.look(absolutePath(`${folder}/none`)) : disk.look(path)),
    covers: (path) => (mounts === undefined ? disk.covers(path) : coversOf(path, readMounts(mounts))),
  };
}

/** Counts its runs in a file. */
function install(script = "echo bubblewrap 0.8.0"): void {
  writeFileSync(`${folder}/bin/bwrap`, `#!/bin/sh\necho run >>${folder}/runs\n${script}\n`, { mode: 0o755 });
}

function runs(): number {
  try {
    return readFileSync(`${folder}/runs`, "utf8").split("\n").length - 1;
  } catch {
    return 0;
  }
}

const ask = (disk = diskWithoutBwrap(), cache: string | null = `${folder}/cache`) =>
  readKernel({
    uid: process.geteuid?.() ?? 0,
    search: `relative:${folder}/bin`,
    init: null,
    cache: cache === null ? null : absolutePath(cache),
    disk,
  });

describe("the kernel's facts", () => {
  it("of this machine", () => {
    const kernel = ask(openDisk());
    expect(kernel.release).toBe(release());
    expect(kernel.bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(kernel.bwrap).toHaveProperty("path", realpathSync("/usr/bin/bwrap"));
  });

  it("are probed once for as long as nothing changes", () => {
    install();
    const first = ask();
    expect(first).toMatchObject({ userNamespaces: "ok", freshProc: true, bwrap: { version: "0.8.0" } });
    expect(runs()).toBe(1);
    expect(ask()).toEqual(first);
    expect(runs()).toBe(1);
  });

  const changes: readonly (readonly [string, change: () => ReturnType<typeof ask>])[] = [
    ["another program stands there", () => (install(), ask())],
    ["something covers part of /proc", () => ask(diskWithoutBwrap("1 2 0:3 / /proc/kcore rw - tmpfs x rw\n"))],
    ["what was kept is spoiled", () => (writeFileSync(`${folder}/cache/host-probe.json`, "{}"), ask())],
    ["nothing may be kept", () => ask(undefined, null)],
  ];
  it.each(changes)("are probed again when %s", (_, change) => {
    install();
    ask();
    change();
    expect(runs()).toBe(2);
  });

  it("do not take a refusal as lasting", () => {
    install(
      `case "$1" in --version) exit 1;; esac; [ -e ${folder}/allowed ] && echo bubblewrap 0.8.0 && exit; echo "bwrap: setting up uid map: Permission denied" >&2; exit 1`,
    );
    expect(ask().userNamespaces).not.toBe("ok");
    writeFileSync(`${folder}/allowed`, "");
    expect(ask().userNamespaces).toBe("ok");
  });

  it("say what is missing, and still know Landlock", () => {
    const kernel = ask();
    expect(kernel.bwrap).toEqual({ missing: expect.stringContaining("PATH") });
    expect(kernel.landlockAbi).toBe(ask(openDisk()).landlockAbi);
    install("echo hello");
    expect(ask().bwrap).toEqual({ missing: expect.stringContaining("does not answer") });
  });
});
