import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absolutePath } from "../../../../src/policy/index.ts";
import type { AbsolutePath } from "../../../../src/policy/index.ts";
import { explainRefusal, openDisk } from "../../../../src/sandbox/linux/facts/index.ts";
import type { Disk } from "../../../../src/sandbox/linux/facts/index.ts";
import type { NamespaceSettings } from "../../../../src/sandbox/linux/facts/index.ts";
import { atLeast, landlockAbi, probe } from "../../../../src/sandbox/linux/facts/probe.ts";
import { keepProbe, readProbe } from "../../../../src/sandbox/linux/facts/probe-cache.ts";
import { memoryDisk } from "./memory-disk.ts";

const uid = process.geteuid?.() ?? 0;
let folder: AbsolutePath;
beforeEach(() => {
  folder = absolutePath(realpathSync(mkdtempSync(`${tmpdir()}/probe-`)));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A bubblewrap that does what a shell script says. */
function shim(script: string): AbsolutePath {
  const path = absolutePath(`${folder}/bwrap`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

const ask = (bwrap: AbsolutePath, disk: Disk = openDisk()) =>
  probe({ bwrap, init: null, release: "6.18.0", uid: 1000, disk });

const settings = (texts: Record<string, string>) =>
  memoryDisk(Object.fromEntries(Object.entries(texts).map(([name, text]) => [`/proc/sys/${name}`, `${text}\n`])));
const failing = (text: string) =>
  `case "$1" in --version) echo "bubblewrap 0.9.0"; exit 0;; esac; echo "bwrap: ${text}" >&2; exit 1`;
const file = () => `${folder}/host-probe.json`;
const again = () => readProbe(folder, "key", uid);
describe("a probe", () => {
  it("of the real bubblewrap agrees with running it", () => {
    const found = ask(absolutePath("/usr/bin/bwrap"));
    expect(found.version).toMatch(/^\d+\.\d+/);
    if (found.userNamespaces === "ok") expect(found.freshProc).toBe(statSync("/proc/1").isDirectory());
    else expect(found.userNamespaces.refusedBy).not.toBe("");
  });

  // Each runs the real bubblewrap in a namespace where something is forbidden.
  const hosts: readonly (readonly [string, prepare: string, expected: object])[] = [
    [
      "without user namespaces",
      "echo 0 >/proc/sys/user/max_user_namespaces",
      { userNamespaces: { setting: "user.max_user_namespaces" }, freshProc: false },
    ],
    [
      "with a covered /proc, as in a container",
      "mount -t proc proc /proc && mount --bind /dev/null /proc/keys",
      { userNamespaces: "ok", freshProc: false },
    ],
    ["with nothing in the way", "true", { userNamespaces: "ok", freshProc: true }],
  ];
  it.each(hosts)("of a host %s", (_, prepare, expected) => {
    const real = `[ "$1" = --version ] && exec /usr/bin/bwrap --version`;
    const found = ask(
      shim(`${real}; exec unshare -Urmpf --propagation=slave sh -c '${prepare}; exec /usr/bin/bwrap "$@"' sh "$@"`),
    );
    expect(found).toMatchObject(expected);
    expect(found.version).toMatch(/^\d/);
  });

  const cases: readonly (readonly [string, printed: string, settings: Record<string, string>, setting: string])[] = [
    [
      "no namespaces left",
      "Creating new namespace failed: No space left on device",
      { "user/max_user_namespaces": "0" },
      "user.max_user_namespaces",
    ],
    [
      "Debian's switch",
      "No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces.",
      { "kernel/unprivileged_userns_clone": "0" },
      "kernel.unprivileged_userns_clone",
    ],
    [
      "Ubuntu's restriction, at the map",
      "setting up uid map: Permission denied",
      { "kernel/apparmor_restrict_unprivileged_userns": "1" },
      "kernel.apparmor_restrict_unprivileged_userns",
    ],
    [
      "Ubuntu's restriction, at the network",
      "loopback: Failed RTM_NEWADDR: Operation not permitted",
      { "kernel/apparmor_restrict_unprivileged_userns": "1" },
      "kernel.apparmor_restrict_unprivileged_userns",
    ],
    [
      "a kernel without them",
      "Creating new namespace failed, likely because the kernel does not support user namespaces.",
      {},
      "CONFIG_USER_NS",
    ],
    ["an unknown hand", "Failed to make / slave: Permission denied", {}, ""],
    ["an old bubblewrap", "Unknown option --size", {}, ""],
    ["a setuid bubblewrap", "The --size option is not permitted in setuid mode", {}, ""],
  ];
  it.each(cases)("names what forbids it: %s", (_, printed, texts, setting) => {
    const found = ask(shim(failing(printed)), settings(texts));
    expect(found).toMatchObject({ version: "0.9.0", freshProc: false, userNamespaces: { setting } });
  });

  it("finds that only the fresh /proc is refused", () => {
    const bwrap = shim(
      `case "$*" in *--proc*) echo "bwrap: Can't mount proc on /newroot/proc: Operation not permitted" >&2; exit 1;; esac; echo "bubblewrap 0.8.0"`,
    );
    expect(ask(bwrap)).toMatchObject({ userNamespaces: "ok", freshProc: false, version: "0.8.0" });
    expect(ask(shim("echo bubblewrap 0.8.0"))).toMatchObject({ userNamespaces: "ok", freshProc: true });
  });

  const odd: readonly (readonly [string, script: string])[] = [
    ["says nothing and succeeds", "exit 0"],
    ["says something else", "echo hello"],
    ["says the right thing and fails", "echo bubblewrap 0.8.0; exit 1"],
    ["is killed", "kill -9 $$"],
  ];
  it.each(odd)("believes no program that %s", (_, script) => {
    expect(ask(shim(script))).toMatchObject({ version: null, userNamespaces: { setting: "" } });
  });

  it("gives up on a program that hangs", { timeout: 15_000 }, () => {
    const began = performance.now();
    expect(ask(shim("exec sleep 60")).userNamespaces).not.toBe("ok");
    expect(performance.now() - began).toBeLessThan(3_500);
  });

  it("gives a helper nothing of the caller's environment", () => {
    process.env["PROBE_CANARY"] = "seen";
    ask(shim(`env > ${folder}/environment; echo bubblewrap 0.8.0`));
    delete process.env["PROBE_CANARY"];
    expect(readFileSync(`${folder}/environment`, "utf8")).not.toContain("CANARY");
  });
});

describe("who refuses", () => {
  const none: NamespaceSettings = {
    maxUserNamespaces: 1000,
    unprivilegedUsernsClone: null,
    apparmorRestrict: null,
    filtered: false,
  };
  it("a container's filter, when nothing else forbids", () => {
    const text = "bwrap: Creating new namespace failed: Operation not permitted";
    expect(explainRefusal(text, { ...none, filtered: true }, 0)?.setting).toContain("seccomp");
    expect(explainRefusal(text, none, 0)?.setting).toBe("");
    expect(explainRefusal(text, { ...none, apparmorRestrict: 1 }, 1000)?.setting).toContain("apparmor");
    expect(explainRefusal(text, { ...none, apparmorRestrict: 1 }, 0)?.setting).toBe("");
  });
  it("is nobody when bubblewrap failed for another reason", () => {
    expect(explainRefusal("bwrap: Can't find source path /x: No such file or directory", none, 0)).toBeNull();
  });
});

describe("Landlock", () => {
  const cases: readonly (readonly [string, release: string, lsm: string | null, abi: number])[] = [
    ["before it", "5.10.0-21-amd64", null, 0],
    ["the first", "5.13.0", null, 1],
    ["Debian 12", "6.1.0-39-amd64", null, 2],
    ["Ubuntu 24.04", "6.8.0-31-generic", null, 4],
    ["the newest known", "7.2.1", null, 7],
    ["listed", "6.12.0", "lockdown,capability,landlock,yama", 6],
    ["switched off", "6.12.0", "lockdown,capability,yama", 0],
    ["an odd release", "weird", null, 0],
  ];
  it.each(cases)("%s", (_, release, lsm, abi) => {
    const disk = memoryDisk(lsm === null ? {} : { "/sys/kernel/security/lsm": lsm });
    expect(landlockAbi({ init: null, release, disk })).toEqual({ landlockAbi: abi, landlockFrom: "release" });
  });

  it("is what the kernel says where a program can ask", () => {
    const disk = memoryDisk({});
    const init = shim(`[ "$1" = --landlock-abi ] && echo 3`);
    expect(landlockAbi({ init, release: "6.18.0", disk })).toEqual({ landlockAbi: 3, landlockFrom: "kernel" });
    expect(landlockAbi({ init: shim("echo no; exit 1"), release: "6.18.0", disk }).landlockFrom).toBe("release");
  });

  it("compares releases number by number", () => {
    expect([atLeast("6.9.1", 6, 14), atLeast("6.14.0", 6, 14), atLeast("7.0", 6, 14), atLeast("x", 6, 14)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

describe("what is kept of a probe", () => {
  const probed = {
    userNamespaces: "ok",
    freshProc: true,
    landlockAbi: 7,
    landlockFrom: "release",
    version: "0.8.0",
    hung: false,
  } as const;

  it("comes back under the same key alone, for the user alone", () => {
    keepProbe(folder, "key", uid, probed);
    expect(again()).toEqual(probed);
    expect(readProbe(folder, "other", uid)).toBeNull();
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readProbe(folder, "key", uid + 1)).toBeNull();
  });

  const spoils: readonly (readonly [string, spoil: () => void])[] = [
    ["torn", () => writeFileSync(file(), readFileSync(file(), "utf8").slice(0, 40))],
    [
      "of another shape",
      () => writeFileSync(file(), JSON.stringify({ key: "key", probed: { ...probed, freshProc: "yes" } })),
    ],
    ["empty", () => writeFileSync(file(), "")],
    ["a list", () => writeFileSync(file(), "[]")],
    ["readable by others", () => chmodSync(file(), 0o644)],
    ["in a folder that others may write", () => chmodSync(folder, 0o777)],
    ["huge", () => writeFileSync(file(), `${readFileSync(file(), "utf8")}${" ".repeat(20_000)}`)],
    [
      "a link",
      () => {
        writeFileSync(`${folder}/elsewhere`, readFileSync(file()), { mode: 0o600 });
        rmSync(file());
        symlinkSync("elsewhere", file());
      },
    ],
  ];
  it.each(spoils)("is ignored when %s", (_, spoil) => {
    keepProbe(folder, "key", uid, probed);
    utimesSync(file(), 1, 1);
    expect(again()).toEqual(probed);
    spoil();
    expect(again()).toBeNull();
  });

  it("is written over what was spoiled, and not at all into a folder of others", () => {
    writeFileSync(file(), "{", { mode: 0o600 });
    keepProbe(folder, "key", uid, probed);
    expect(again()).toEqual(probed);
    chmodSync(folder, 0o777);
    keepProbe(folder, "new", uid, probed);
    chmodSync(folder, 0o700);
    expect(readProbe(folder, "new", uid)).toBeNull();
    expect(again()).toEqual(probed);
  });

  it("costs nothing but time where it cannot be written", () => {
    expect(() => keepProbe("/proc/none", "key", uid, probed)).not.toThrow();
    expect(readProbe("/proc/none", "key", uid)).toBeNull();
  });
});
