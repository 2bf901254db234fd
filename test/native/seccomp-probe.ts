import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Argument } from "../sandbox/linux/seccomp/case.ts";

/** One system call to try: its number on this machine, or on i386. */
export interface Attempt {
  readonly name: string;
  readonly number: number;
  readonly args: readonly Argument[];
  readonly kind?: "native" | "i386";
}

/** What came of it. `error` is 0 or the number of the error, `waiting` counts bytes put into the terminal. */
export interface Outcome {
  readonly error: number;
  readonly waiting: number;
  /** The folder the call was made in. */
  readonly folder: string;
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  /** Holds every capability, so that the kernel alone would refuse next to nothing. */
  readonly privileged: boolean;
}

/** This user, and nobody as well where it can be had. */
export function accounts(): readonly Account[] {
  const uid = process.getuid?.() ?? -1;
  const status = readFileSync("/proc/self/status", "utf8");
  const [effective, bounding] = ["CapEff", "CapBnd"].map(
    (field) => new RegExp(`${field}:\\s*(\\w+)`).exec(status)?.[1],
  );
  const systemAdministrator = (BigInt(`0x${effective ?? "0"}`) >> 21n) & 1n;
  const self = {
    name: uid === 0 ? "root" : "this user",
    uid,
    privileged: systemAdministrator === 1n && effective === bounding,
  };
  return uid === 0 ? [self, { name: "nobody", uid: 65_534, privileged: false }] : [self];
}

/** A folder with the compiled probe; null when there is no C compiler. */
export function buildProbe(): { readonly folder: string; readonly probe: string; readonly remove: () => void } | null {
  const folder = mkdtempSync(join(tmpdir(), "seccomp-probe-"));
  chmodSync(folder, 0o755);
  const probe = join(folder, "probe");
  const source = new URL("seccomp-probe.c", import.meta.url).pathname;
  const compiled = spawnSync(
    "cc",
    ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", probe, source],
    { encoding: "utf8" },
  );
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  if (compiled.error === undefined && compiled.status === 0) return { folder, probe, remove };
  remove();
  if (compiled.error !== undefined) return null;
  throw new Error(compiled.stderr);
}

/** Makes every call under the filter in the file, or under none (`-`), as the given account. */
export function attempt(
  { folder, probe }: { folder: string; probe: string },
  filter: string,
  account: Account,
  attempts: readonly Attempt[],
): ReadonlyMap<string, Outcome> {
  const place = mkdtempSync(join(folder, "calls-"));
  mkdirSync(place, { recursive: true });
  if (process.getuid?.() === 0) chownSync(place, account.uid, account.uid);
  const lines = attempts.map(({ name, number, args, kind = "native" }) =>
    [name, kind, number, ...args.map(word)].join("\t"),
  );
  const result = spawnSync(probe, ["calls", filter], {
    cwd: place,
    input: `${lines.join("\n")}\n`,
    encoding: "utf8",
    env: {},
    ...(process.getuid?.() === 0 ? { uid: account.uid, gid: account.uid } : {}),
  });
  if (result.status !== 0) throw new Error(`the probe failed: ${result.stderr}`);
  const found = new Map<string, Outcome>();
  for (const [index, line] of result.stdout.trimEnd().split("\n").entries()) {
    const [name = "", error, waiting] = line.split("\t");
    found.set(name, { error: Number(error), waiting: Number(waiting), folder: join(place, String(index)) });
  }
  return found;
}

function word(argument: Argument): string {
  if (typeof argument !== "string") return String(argument);
  return argument.startsWith("@") ? argument : `=${argument}`;
}
