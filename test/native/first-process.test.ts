import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { remove } from "./launch.ts";

const source = (name: string): string => join(import.meta.dirname, "../../native/linux", name);

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "native-first-"));
  chmodSync(folder, 0o755);
  const files = ["init/seccomp.c", "init/processes.c", "shared/control.c"].map((name) => source(name));
  execFileSync("cc", ["-o", join(folder, "first"), join(import.meta.dirname, "first-process.c"), ...files]);
});
afterAll(() => remove(folder));

type Role = "watches" | "dials" | "binds again";

/** 0, an errno, or the signal that ended it. */
function call(role: Role, number: number, ...words: readonly number[]): number | string | null {
  const flags = [role === "binds again" ? 1 : 0, role === "dials" ? 1 : 0];
  const { status, signal } = spawnSync(join(folder, "first"), [...flags, number, ...words].map(String));
  return signal ?? status;
}

const arm = process.arch === "arm64";
const SOCKET = arm ? 198 : 41;
const CONNECT = arm ? 203 : 42;
const SENDMSG = arm ? 211 : 46;
const BIND = arm ? 200 : 49;
const ACCEPT = arm ? 242 : 288;
const EXECVE = arm ? 221 : 59;
const PTRACE = arm ? 117 : 101;
const OPEN_TREE = 428;

const INET = 2;
const INET6 = 10;
/** Non-blocking and closed on exec. */
const STREAM = 0o4000 | 0o2000000 | 1;
const EBADF = 9;

describe.each<{ what: string; number: number; words: readonly number[]; dials: number | string }>([
  { what: "a TCP socket", number: SOCKET, words: [INET, STREAM, 0], dials: 0 },
  { what: "a TCP socket of IPv6", number: SOCKET, words: [INET6, STREAM, 0], dials: 0 },
  { what: "connecting", number: CONNECT, words: [-1, 0, 0], dials: EBADF },
  { what: "handing over", number: SENDMSG, words: [-1, 0, 0], dials: EBADF },
  { what: "a TCP socket that blocks", number: SOCKET, words: [INET, 1, 0], dials: "SIGSYS" },
  { what: "a UDP socket", number: SOCKET, words: [INET, STREAM + 1, 0], dials: "SIGSYS" },
  { what: "a raw socket", number: SOCKET, words: [INET, STREAM + 2, 0], dials: "SIGSYS" },
  { what: "a socket of another protocol", number: SOCKET, words: [INET, STREAM, 262], dials: "SIGSYS" },
  { what: "a local socket", number: SOCKET, words: [1, STREAM, 0], dials: "SIGSYS" },
  { what: "a netlink socket", number: SOCKET, words: [16, STREAM, 0], dials: "SIGSYS" },
  { what: "a socket to the host's hypervisor", number: SOCKET, words: [40, STREAM, 0], dials: "SIGSYS" },
  { what: "binding a socket", number: BIND, words: [-1, 0, 0], dials: "SIGSYS" },
  { what: "accepting", number: ACCEPT, words: [-1, 0, 0, 0], dials: "SIGSYS" },
  { what: "executing", number: EXECVE, words: [0, 0, 0], dials: "SIGSYS" },
  { what: "tracing", number: PTRACE, words: [0, 0, 0, 0], dials: "SIGSYS" },
  { what: "mounting", number: OPEN_TREE, words: [-1, 0, 0], dials: "SIGSYS" },
])("the first process of a sandbox: $what", ({ number, words, dials }) => {
  it("ends one that only watches", () => expect(call("watches", number, ...words)).toBe("SIGSYS"));
  it("is for one that dials as far as it needs it", () => expect(call("dials", number, ...words)).toBe(dials));
  it("is for one that binds again only mounting", () => {
    const answer = call("binds again", number, ...words);
    if (number === OPEN_TREE) expect(answer).not.toBe("SIGSYS");
    else expect(answer).toBe("SIGSYS");
  });
});
