import { spawnSync } from "node:child_process";
import { absolutePath } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { KernelFacts } from "../../facts.ts";
import type { Disk } from "./disk.ts";
import { explainRefusal, firstLine, readSettings } from "./refusal.ts";

/** What only trying can tell. */
export type Probed = Pick<KernelFacts, "userNamespaces" | "freshProc" | "landlockAbi" | "landlockFrom"> & {
  /** Null when the program answered, but not as bubblewrap does. */
  readonly version: string | null;
  /** It was there and said nothing in time. */
  readonly hung: boolean;
};

export interface ProbeRequest {
  readonly bwrap: AbsolutePath;
  /** A program that prints the Landlock ABI when run with `--landlock-abi`; null when none was built. */
  readonly init: AbsolutePath | null;
  readonly release: string;
  readonly uid: number;
  readonly disk: Disk;
}

const ISOLATION = "--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-net --unshare-cgroup-try".split(
  " ",
);
const FILES =
  "--die-with-parent --uid 0 --gid 0 --cap-drop ALL --ro-bind / / --dev /dev --size 4096 --tmpfs /dev/shm".split(" ");
const LONGEST_WAIT = 2_000;

/** Builds a sandbox as a launch does and runs bubblewrap's own `--version` in it; at most two tries. */
export function probe(request: ProbeRequest): Probed {
  const landlock = landlockAbi(request);
  const whole = attempt(request.bwrap, true);
  if (whole.version !== null)
    return { ...landlock, version: whole.version, hung: false, userNamespaces: "ok", freshProc: true };
  if (whole.hung) {
    const userNamespaces = { refusedBy: `bubblewrap, which gave no answer in ${LONGEST_WAIT} ms`, setting: "" };
    return { ...landlock, version: null, hung: true, userNamespaces, freshProc: false };
  }
  const outer = attempt(request.bwrap, false);
  if (outer.version !== null)
    return { ...landlock, version: outer.version, hung: false, userNamespaces: "ok", freshProc: false };
  const settings = readSettings(request.disk);
  const userNamespaces = explainRefusal(outer.printed, settings, request.uid) ?? {
    refusedBy: `bubblewrap: ${firstLine(outer.printed) || "it did not answer"}`,
    setting: "",
  };
  const plain = run(request.bwrap, ["--version"]);
  return { ...landlock, version: version(plain.output), hung: plain.hung, userNamespaces, freshProc: false };
}

function attempt(bwrap: AbsolutePath, freshProc: boolean): { version: string | null; printed: string; hung: boolean } {
  const proc = freshProc ? ["--proc", "/proc"] : [];
  const { output, printed, hung } = run(bwrap, [...ISOLATION, ...FILES, ...proc, "--", bwrap, "--version"]);
  return { version: version(output), printed, hung };
}

function version(output: string): string | null {
  return /^bubblewrap (\d+(?:\.\d+)+)\s*$/.exec(output)?.[1] ?? null;
}

/** Bounded in time and output, and with an empty environment: nothing of the caller's reaches a helper's loader. */
function run(program: AbsolutePath, argv: readonly string[]): { output: string; printed: string; hung: boolean } {
  const result = spawnSync(program, argv, {
    cwd: "/",
    env: {},
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LONGEST_WAIT,
    killSignal: "SIGKILL",
    maxBuffer: 64 * 1024,
  });
  const { error, status, stdout, stderr } = result;
  if (error === undefined) return { output: status === 0 ? stdout : "", printed: stderr, hung: false };
  return { output: "", printed: error.message, hung: "code" in error && error.code === "ETIMEDOUT" };
}

type Landlock = Pick<Probed, "landlockAbi" | "landlockFrom">;

const MODULES = absolutePath("/sys/kernel/security/lsm");

/** The first kernel of each ABI, newest first. https://docs.kernel.org/userspace-api/landlock.html */
const ABIS: readonly (readonly [major: number, minor: number, abi: number])[] = [
  [6, 15, 7],
  [6, 12, 6],
  [6, 10, 5],
  [6, 7, 4],
  [6, 2, 3],
  [5, 19, 2],
  [5, 13, 1],
];

/** Asked of the kernel through a native program where one was built, else concluded from its release. */
export function landlockAbi({ init, release, disk }: Pick<ProbeRequest, "init" | "release" | "disk">): Landlock {
  const answer = init === null ? "" : run(init, ["--landlock-abi"]).output.trim();
  if (/^\d{1,3}$/.test(answer)) return { landlockAbi: Number(answer), landlockFrom: "kernel" };
  const modules = disk.text(MODULES);
  const off = modules !== null && !modules.trim().split(",").includes("landlock");
  const abi = ABIS.find(([major, minor]) => atLeast(release, major, minor))?.[2] ?? 0;
  return { landlockAbi: off ? 0 : abi, landlockFrom: "release" };
}

/** Compares kernel releases by their first two numbers; an odd release counts as old. */
export function atLeast(release: string, major: number, minor: number): boolean {
  const [, first, second] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  if (first === undefined || second === undefined) return false;
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}
