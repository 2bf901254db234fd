import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, readFileSync, statSync } from "node:fs";
import { run as launch, somebody } from "../native/launch.ts";
import type { ToolStage } from "./tool.ts";

/** A call of the kernel in Python, which tells whether it worked. */
export const call = (words: string): string =>
  `import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nresult = ${words}\nprint("worked" if result >= 0 else os.strerror(ctypes.get_errno()))`;

/** True when the script says that it worked. */
export const works = (stage: ToolStage, script: string, words: readonly string[] = []): boolean =>
  stage.python(script, words).stdout.includes("worked");

export const [keyctl, addKey, ioUring] = process.arch === "x64" ? [250, 248, 425] : [219, 217, 425];
export const JOIN_SESSION = 1;
export const NEW_USER_NAMESPACE = 0x10000000;

/** A descriptor that the tool was started with reads a file the sandbox does not show. */
export function inheritsDescriptor(stage: ToolStage): boolean {
  const inside = `import os; print(os.read(40, 100).decode())`;
  const { stdout } = stage.plain("bash", [
    "-c",
    `exec 40<"$1"; shift; exec "$@"`,
    "bash",
    `${stage.outside}/victim`,
    process.execPath,
    stage.tool("sandboxed-run"),
    "--",
    "python3",
    "-c",
    inside,
  ]);
  return stdout.includes("untouched");
}

/** A file of somebody else that only an administrator's right opens. */
export function readsAsAdministrator(stage: ToolStage): boolean {
  const path = `${stage.outside}/victim`;
  chownSync(path, 65_534, 65_534);
  chmodSync(path, 0o600);
  return stage.sh(`cat ${path}`, ["--read", stage.outside]).stdout.includes("untouched");
}

/** A file that only the group of whoever started the tool may read. */
export function readsByGroup(stage: ToolStage): boolean {
  const path = `${stage.outside}/victim`;
  chownSync(path, 0, 0);
  chmodSync(path, 0o640);
  const words = [process.execPath, stage.tool("sandboxed-run"), "--read", stage.outside, "--", "cat", path];
  return stage.plain("setpriv", ["--groups=0", ...words]).stdout.includes("untouched");
}

/** Takes the mask away from a denied file. */
export function liftsMask(stage: ToolStage): boolean {
  stage.write("secret.txt", "s3cret\n");
  const script = `${call(`libc.umount2(b"${stage.workspace}/secret.txt", 2)`)}\nprint(open("secret.txt").read())`;
  return stage.python(script, ["--deny", "secret.txt"]).stdout.includes("s3cret");
}

/** A key of the caller's session is found and read. */
export function findsKey(stage: ToolStage): boolean {
  const key = `b"user", b"sandboxed-mutation"`;
  const outside = `${call(`libc.syscall(${keyctl}, ${JOIN_SESSION}, None)`)}
libc.syscall(${addKey}, ${key}, b"c4nary", 6, -3)
import sys
os.execv(sys.argv[1], sys.argv[1:])`;
  const inside = `${call(`libc.syscall(${keyctl}, 10, -3, ${key}, 0)`)}
text = ctypes.create_string_buffer(16)
libc.syscall(${keyctl}, 11, result, text, 16)
print(text.value.decode())`;
  const words = ["-c", outside, process.execPath, stage.tool("sandboxed-run"), "--", "python3", "-c", inside];
  return stage.plain("python3", words).stdout.includes("c4nary");
}

/** A segment of shared memory is made that the host sees. */
export function makesSegment(stage: ToolStage): boolean {
  const key = 0x5b0c0000 + (process.pid & 0xffff);
  stage.python(call(`libc.shmget(${key}, 4096, 0o1600)`));
  const seen = readFileSync("/proc/sysvipc/shm", "utf8")
    .split("\n")
    .some((line) => Number(line.trim().split(/\s+/)[0]) === key);
  if (seen) spawnSync("ipcrm", ["-M", String(key)]);
  return seen;
}

/** A launch whose tree is not the one that was looked at. */
export async function runsOnOtherTree(stage: ToolStage): Promise<boolean> {
  const { dev, ino } = statSync(stage.outside, { bigint: true });
  const { out } = await launch({
    who: somebody,
    work: stage.workspace,
    native: `${stage.place}/dist/native`,
    init: [["expect", "read", stage.outside, String(dev), String(ino + 1n)]],
    run: "echo ran",
  });
  return out.includes("ran");
}
