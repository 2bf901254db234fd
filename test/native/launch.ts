import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess, IOType } from "node:child_process";
import { chmodSync, chownSync, closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import type { Readable } from "node:stream";

/** Who starts the guard, and whom the program runs as. */
export interface Who {
  readonly name: string;
  readonly starts: number;
  readonly runs: number;
}

const NOBODY = 65_534;
const self = process.getuid?.() ?? 0;

/** As root all three cases can be had; an ordinary user has only their own. */
export const everybody: readonly Who[] =
  self === 0
    ? [
        { name: "root", starts: 0, runs: 0 },
        { name: "an ordinary user", starts: NOBODY, runs: NOBODY },
        { name: "root for another owner", starts: 0, runs: NOBODY },
      ]
    : [{ name: "an ordinary user", starts: self, runs: self }];

export const [somebody = { name: "nobody", starts: NOBODY, runs: NOBODY }] = everybody.slice(-1);
export const asRoot = self === 0;

const CHECKOUT = join(import.meta.dirname, "../..");
/** The installed tool's programs, which every user can reach; else the checkout's. */
const installed = process.env["SANDBOXED_TEST_TOOL"];
export const native = installed === undefined ? build(join(CHECKOUT, "dist/native")) : join(installed, "dist/native");

/** Quiet and quick when nothing changed. */
export function build(folder: string, environment: Record<string, string> = {}): string {
  execFileSync(join(CHECKOUT, "scripts/build-native"), [folder], { env: { ...process.env, ...environment } });
  return folder;
}

type Rule = readonly [code: number, yes: number, no: number, value: number];
const LOAD_NUMBER: Rule = [0x20, 0, 0, 0];
const ALLOW: Rule = [0x06, 0, 0, 0x7fff0000];
const REFUSE: Rule = [0x06, 0, 0, 0x00050001];

function filter(rules: readonly Rule[]): Buffer {
  return Buffer.concat(
    rules.map(([code, yes, no, value]) => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt16LE(code, 0);
      bytes.writeUInt8(yes, 2);
      bytes.writeUInt8(no, 3);
      bytes.writeUInt32LE(value, 4);
      return bytes;
    }),
  );
}

export const allowAll = filter([ALLOW]);
/** `mkdir` and `mkdirat`, by the numbers of this architecture, are EPERM. */
export const noMkdir = filter(
  process.arch === "x64"
    ? [LOAD_NUMBER, [0x15, 2, 0, 83], [0x15, 1, 0, 258], ALLOW, REFUSE]
    : [LOAD_NUMBER, [0x15, 1, 0, 34], ALLOW, REFUSE],
);

/** A folder that belongs to whom the program runs as, and goes away with the test. */
export function workFolder(who: Who): string {
  const folder = mkdtempSync(join(tmpdir(), "native-"));
  chmodSync(folder, 0o755);
  if (asRoot) chownSync(folder, who.runs, who.runs);
  return folder;
}

export function remove(folder: string): void {
  // What was just killed may still be writing its last file.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** A standard stream of the program, as `spawn` takes it. */
export type Stream = IOType | number;

export type Words = readonly string[];

export interface LaunchRequest {
  readonly who: Who;
  readonly work: string;
  /** A shell script, or the words of a command. */
  readonly run: string | Words;
  readonly native?: string;
  /** Extra arguments of bwrap, after the file tree, words parted by spaces. */
  readonly mounts?: Words;
  readonly guard?: readonly Words[];
  readonly init?: readonly Words[];
  /** These instructions lack their last record, as a full disk might leave them. */
  readonly cut?: "guard" | "init";
  /** Replaces the record of that name. */
  readonly without?: Words;
  readonly seccomp?: Buffer;
  readonly environment?: Words;
  /** No bwrap: the rung where only Landlock holds. */
  readonly direct?: boolean;
  /** The rung where no new /proc may be mounted. */
  readonly outerProc?: boolean;
  /** The channel of the door is made, and the guard told to pass it on. */
  readonly door?: boolean;
  /** What the aftermath is told. */
  readonly estate?: string;
  readonly stdio?: readonly [Stream, Stream, Stream];
  /** `go` is never said. What is written to a process that has ended loses Node what that one said last. */
  readonly holdsBack?: boolean;
  /** Called for each line; the launch is there to answer. */
  readonly onLine?: (line: string, launch: Launch) => void;
  /** Called for the guard's answer to `foreground?`. */
  readonly onForeground?: (yes: boolean, launch: Launch) => void;
  /** Called when the guard has made room for a stop. */
  readonly onStop?: (launch: Launch) => void;
}

export interface Launch {
  readonly child: ChildProcess;
  readonly toInit: (line: string) => void;
  readonly toGuard: (line: string) => void;
  readonly input: NodeJS.WritableStream | null;
}

export interface Outcome {
  readonly out: string;
  readonly err: string;
  /** What the init reported. */
  readonly lines: Words;
  /** What the guard reported, without the bytes after `stderr`. */
  readonly guard: Words;
  readonly heard: string;
  readonly milliseconds: number;
}

const CAPABILITIES = ["NET_ADMIN", "NET_BIND_SERVICE", "SYS_ADMIN", "SETFCAP", "SETPCAP"];
const MORE_AS_ROOT = ["SETUID", "SETGID", "CHOWN", "KILL", "SYS_PTRACE", "DAC_READ_SEARCH"];

/** The instruction files and the two argument lists, as the launcher would write them. */
export function instructions(request: LaunchRequest): { readonly guard: Buffer; readonly init: Buffer } {
  const { who, work } = request;
  const programs = request.native ?? native;
  const full = who.starts === 0;
  const bwrap = [
    "--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try --unshare-net",
    "--as-pid-1 --die-with-parent --uid 0 --gid 0 --cap-drop ALL",
    ...[...CAPABILITIES, ...(full ? MORE_AS_ROOT : [])].map((name) => `--cap-add CAP_${name}`),
    `--ro-bind / / --dev /dev ${request.outerProc ? "--ro-bind /proc" : "--proc"} /proc --perms 1777 --size 536870912 --tmpfs /tmp --bind ${work} ${work}`,
    `--ro-bind ${programs}/sandbox-init /dev/sandbox-init`,
    ...(request.mounts ?? []),
    "--chdir / -- /dev/sandbox-init",
  ].flatMap((words) => words.split(" "));
  const argv = typeof request.run === "string" ? ["/bin/sh", "-c", request.run] : request.run;
  const guard = [
    ...(request.direct ? [["direct", `${programs}/sandbox-init`]] : [["bwrap", "/usr/bin/bwrap"]]),
    ...(request.direct ? [] : bwrap.map((word) => ["arg", word])),
    ...(full && !request.direct ? [["idmap", "full"]] : []),
    ["owner", String(who.runs), String(who.runs)],
    ...(request.door ? [["door"]] : []),
    ...(request.guard ?? []),
  ];
  const init = [
    ["namespaces", request.direct ? "no" : "yes"],
    ["network", "restricted"],
    ["id", String(who.runs), String(who.runs)],
    ["idmap", full ? "full" : "one"],
    ["cwd", work],
    ["exec", argv[0] ?? ""],
    ...argv.map((word) => ["arg", word]),
    ...(request.environment ?? ["PATH=/usr/bin:/bin", "HOME=/nowhere"]).map((word) => ["env", word]),
    ["limit", "core", "0"],
    ["writable", work],
    ...(request.direct ? [] : [["writable", "/tmp"]]),
    ...(request.init ?? []),
  ].filter(([name]) => !request.without?.includes(name ?? ""));
  return { guard: encode(guard, request.cut === "guard"), init: encode(init, request.cut === "init") };
}

function encode(records: readonly Words[], isCut: boolean): Buffer {
  const bytes = (some: readonly Words[]): string =>
    some.map((record) => record.map((word) => `${word}\0`).join("")).join("");
  const { length } = Buffer.from(bytes(records));
  return Buffer.from(bytes([["length", String(length)], ...(isCut ? records.slice(0, -1) : records)]));
}

export interface Started extends Launch {
  readonly outcome: Promise<Outcome>;
}

/** Starts the guard with the seven descriptors of the protocol and says `go` when the init is ready. */
export function start(request: LaunchRequest): Started {
  const { who } = request;
  const began = performance.now();
  const scratch = mkdtempSync(join(tmpdir(), "native-launch-"));
  const open = (name: string, content: Buffer): number => {
    writeFileSync(join(scratch, name), content);
    return openSync(join(scratch, name), "r");
  };
  const told = instructions(request);
  const files = [open("guard", told.guard), open("init", told.init), open("seccomp", request.seccomp ?? allowAll)];
  const estate = request.estate === undefined ? [] : [open("estate", Buffer.from(request.estate))];
  const child = spawn(`${request.native ?? native}/sandbox-guard`, [], {
    env: {},
    cwd: "/",
    stdio: [
      ...(request.stdio ?? ["ignore", "pipe", "pipe"]),
      "pipe",
      "pipe",
      ...files,
      request.door ? "ipc" : "ignore",
      ...estate,
    ],
    ...(who.starts === self ? {} : { uid: who.starts, gid: who.starts }),
  });
  for (const fd of [...files, ...estate]) closeSync(fd);
  remove(scratch);
  const [init, guard] = child.stdio.slice(3, 5);
  if (!(init instanceof Duplex) || !(guard instanceof Duplex)) throw new Error("no control channels");
  const launch: Launch = { child, toInit: speaker(init), toGuard: speaker(guard), input: child.stdin };
  init.on("error", () => {});
  guard.on("error", () => {});
  return { ...launch, outcome: collect(launch, init, guard, request, began) };
}

function speaker(channel: Duplex): (line: string) => void {
  return (line) => void (channel.destroyed || channel.write(`${line}\n`));
}

async function collect(
  launch: Launch,
  init: Duplex,
  guard: Duplex,
  request: LaunchRequest,
  began: number,
): Promise<Outcome> {
  const lines: string[] = [];
  let pending = "";
  init.on("data", (chunk: Buffer) => {
    const parts = (pending + chunk.toString()).split("\n");
    pending = parts.pop() ?? "";
    for (const line of parts) {
      lines.push(line);
      if (line === "ready" && request.holdsBack !== true) {
        launch.toGuard("going");
        launch.toInit("go");
      }
      request.onLine?.(line, launch);
    }
  });
  guard.on("data", (chunk: Buffer) => {
    const answer = /^foreground (yes|no)$/m.exec(chunk.toString())?.[1];
    if (answer !== undefined) request.onForeground?.(answer === "yes", launch);
    if (/^stop$/m.test(chunk.toString())) request.onStop?.(launch);
  });
  const [out, err, said] = [read(launch.child.stdout), read(launch.child.stderr), read(guard)];
  await new Promise((resolve, reject) => launch.child.once("close", resolve).once("error", reject));
  return { out: await out, err: await err, lines, ...split(await said), milliseconds: performance.now() - began };
}

function read(stream: Readable | null): Promise<string> {
  const chunks: Buffer[] = [];
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  const text = (): string => Buffer.concat(chunks).toString("latin1");
  return new Promise((resolve) => {
    if (stream === null) resolve("");
    // A test may close it in the middle.
    else stream.once("close", () => resolve(text())).once("error", () => resolve(text()));
  });
}

/** The guard's lines, and the bytes that follow the one called `stderr`. */
function split(said: string): { guard: string[]; heard: string } {
  const guard: string[] = [];
  let heard = "";
  for (let at = 0; at < said.length;) {
    const end = said.indexOf("\n", at);
    const line = said.slice(at, end < 0 ? said.length : end);
    guard.push(line);
    at += line.length + 1;
    const length = /^stderr (\d+)$/.exec(line)?.[1];
    if (length === undefined) continue;
    heard = said.slice(at, at + Number(length));
    at += Number(length);
  }
  return { guard, heard };
}

/** Starts and waits. */
export function run(request: LaunchRequest): Promise<Outcome> {
  return start(request).outcome;
}

export function inode(path: string): Words {
  const { dev, ino } = statSync(path, { bigint: true });
  return [String(dev), String(ino)];
}
