import { readFileSync, renameSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../../src/policy/index.ts";
import { childrenOf } from "../stage/processes.ts";
import type { ToolStage } from "./tool.ts";

const PATIENCE_MS = 5_000;
/** Long enough for every end to be seen. */
const GRACE_MS = 1_500;

/** The host saves `.git/config` as git does; the program then writes to the file under its name. True when it could. */
export async function replacedByHost(stage: ToolStage): Promise<boolean> {
  stage.repository();
  await whileSaving(stage, ".git/config", [], "echo '# evil' >>.git/config");
  return stage.read(".git/config")?.includes("# evil") === true;
}

/** The host saves a denied file; the program then reads what is there. True when it could. */
export async function unmaskedByHost(stage: ToolStage): Promise<boolean> {
  stage.write("secret.txt", "s3cret\n");
  await whileSaving(stage, "secret.txt", ["--deny", "secret.txt"], "cat secret.txt >found");
  return stage.read("found")?.includes("s3cret") === true;
}

/** Runs the script once the host has put a new file over the path. */
async function whileSaving(stage: ToolStage, path: string, words: readonly string[], script: string): Promise<void> {
  const waiting = `touch started; while [ ! -e go ]; do sleep 0.02; done; ${script}`;
  const child = stage.start([...words, "--", "sh", "-c", waiting], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await until(() => stage.read("started") !== null);
  stage.write(`${path}.lock`, `${stage.read(path)}# saved\n`);
  renameSync(`${stage.workspace}/${path}.lock`, `${stage.workspace}/${path}`);
  await sleep(200);
  stage.write("go", "");
  await ended;
}

/** The launcher is killed. True when something of the run is still alive after a while; then that is ended here. */
export function outlivesLauncher(stage: ToolStage): Promise<boolean> {
  return outlives(stage, (launcher) => [launcher]);
}

/** The guard and the launcher are killed, the nearer first. */
export function outlivesGuard(stage: ToolStage): Promise<boolean> {
  return outlives(stage, (launcher, [guard = launcher]) => [guard, launcher]);
}

/** The launcher is killed after its program made a repository with a hook. True when the hook is still there after a while. */
export async function leavesHook(stage: ToolStage): Promise<boolean> {
  const script = "git init -q born && echo evil >born/.git/hooks/post-checkout; touch started; sleep 30";
  const child = stage.start(["--", "sh", "-c", script], { stdio: "ignore" });
  await until(() => stage.read("started") !== null);
  child.kill("SIGKILL");
  return !(await comesTrue(() => stage.read("born/.git/hooks/post-checkout") === null));
}

async function outlives(
  stage: ToolStage,
  killed: (launcher: number, below: readonly number[]) => readonly number[],
): Promise<boolean> {
  const child = stage.start(["--", "sh", "-c", "touch started; sleep 30"], { stdio: "ignore" });
  await until(() => stage.read("started") !== null);
  const launcher = child.pid ?? 0;
  const below = descendants(launcher);
  const alive = (): readonly number[] => below.filter((pid) => commandLine(pid) !== "");
  for (const pid of killed(launcher, below)) process.kill(pid, "SIGKILL");
  if (await comesTrue(() => alive().length === 0)) return false;
  for (const pid of alive()) kill(pid);
  await until(() => alive().length === 0);
  return true;
}

/** It may have ended meanwhile. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}

/** Within a while. */
function comesTrue(what: () => boolean): Promise<boolean> {
  return until(what, GRACE_MS).then(
    () => true,
    () => false,
  );
}

async function until(what: () => boolean, milliseconds = PATIENCE_MS): Promise<void> {
  for (const end = Date.now() + milliseconds; !what(); await sleep(10)) {
    if (Date.now() > end) throw new Error(`not within ${milliseconds} ms`);
  }
}

/** Nearest first. */
function descendants(pid: number): readonly number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendants)];
}

/** Empty when the process has gone, or has ended and nobody has asked how. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
