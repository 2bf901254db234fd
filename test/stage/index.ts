import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess, StdioOptions } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { killWithGuard } from "./kill.ts";

/** Who runs the tool, and whose checkout it runs in. */
export type Person = "self" | "ordinary" | "root-elsewhere";

const NOBODY = 65534;
const asRoot = process.getuid?.() === 0;

/** As root all three cases can be tried; anybody else is an ordinary user already. */
export const people: readonly Person[] = asRoot ? ["self", "ordinary", "root-elsewhere"] : ["self"];

export interface Result {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeout?: number;
  readonly stdio?: StdioOptions;
}

/** A home, a workspace and a place outside both, in a folder of their own, and the tool to run there. */
export class Stage {
  readonly person: Person;
  readonly folder: string;
  readonly home: string;
  readonly workspace: string;
  readonly outside: string;
  readonly #started: ChildProcess[] = [];
  readonly #enter: (cwd: string) => readonly string[];

  /** `enter` gives words that come before every command, to make it run somewhere else. */
  constructor(person: Person = "self", enter: (cwd: string) => readonly string[] = () => []) {
    this.person = person;
    this.#enter = enter;
    this.folder = mkdtempSync("/var/tmp/sandboxed-stage-");
    chmodSync(this.folder, 0o755);
    this.home = join(this.folder, "home");
    this.workspace = join(this.home, "work", "project");
    this.outside = join(this.folder, "outside");
    for (const folder of [this.home, this.workspace, this.outside]) mkdirSync(folder, { recursive: true });
    this.write(join(this.home, ".ssh", "id_ed25519"), "PRIVATE KEY\n");
    this.write(
      join(this.home, ".gitconfig"),
      "[user]\n\tname = Test Person\n\temail = test@example.com\n[credential]\n\thelper = store\n[safe]\n\tdirectory = *\n",
    );
    this.write(join(this.home, "diary.txt"), "dear diary\n");
    this.write(join(this.outside, "victim"), "untouched\n");
    this.write(join(this.workspace, "README.md"), "# project\n");
    this.#own();
  }

  /** Turns the workspace into a repository with one commit. */
  repository(): this {
    this.git("init", "-q", "-b", "main");
    this.git("add", ".");
    this.git("commit", "-q", "-m", "first");
    return this;
  }

  git(...words: string[]): string {
    const { status, stdout, stderr } = this.plain("git", words);
    if (status !== 0) throw new Error(`git ${words.join(" ")}: ${stderr}`);
    this.#own();
    return stdout;
  }

  write(path: string, text: string): void {
    const full = path.startsWith("/") ? path : join(this.workspace, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    this.#own();
  }

  read(path: string): string | null {
    const full = path.startsWith("/") ? path : join(this.workspace, path);
    return existsSync(full) ? readFileSync(full, "utf8") : null;
  }

  /** `sandboxed-run` with these words, in the workspace. */
  run(words: readonly string[], options: RunOptions = {}): Result {
    return this.#finish(process.execPath, [this.tool("sandboxed-run"), ...words], options);
  }

  sandboxed(words: readonly string[], options: RunOptions = {}): Result {
    return this.#finish(process.execPath, [this.tool("sandboxed"), ...words], options);
  }

  /** A shell script in the sandbox. */
  sh(script: string, words: readonly string[] = [], options: RunOptions = {}): Result {
    return this.run([...words, "--", "sh", "-c", script], options);
  }

  python(script: string, words: readonly string[] = [], options: RunOptions = {}): Result {
    return this.run([...words, "--", "python3", "-c", script], options);
  }

  /** The same person, without the tool. */
  plain(command: string, words: readonly string[], options: RunOptions = {}): Result {
    return this.#finish(command, words, options);
  }

  start(words: readonly string[], options: RunOptions = {}): ChildProcess {
    return this.startPlain(process.execPath, [this.tool("sandboxed-run"), ...words], options);
  }

  /** The same person's program, without the tool; ended with the stage. */
  startPlain(program: string, words: readonly string[], options: RunOptions = {}): ChildProcess {
    const cwd = options.cwd ?? this.workspace;
    const [command, ...rest] = this.#command(cwd, program, words);
    const child = spawn(command, rest, {
      cwd,
      env: this.environment(options),
      stdio: options.stdio ?? "pipe",
    });
    this.#started.push(child);
    return child;
  }

  tool(name: string): string {
    return join(process.env["SANDBOXED_TEST_TOOL"] ?? "", "dist/bin", `${name}.cjs`);
  }

  environment(options: RunOptions = {}): NodeJS.ProcessEnv {
    return {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      HOME: this.home,
      LANG: "C.UTF-8",
      TERM: "xterm",
      ...options.environment,
    };
  }

  /** Every path below the stage but the tool's own folders, with type, mode, links and content. */
  snapshot(folder = this.folder): ReadonlyMap<string, string> {
    const entries = new Map<string, string>();
    const walk = (at: string): void => {
      for (const name of readdirSync(at).toSorted()) {
        const path = join(at, name);
        if (path === join(this.home, ".cache") || path === join(this.home, ".local")) continue;
        const { mode, uid, nlink } = lstatSync(path);
        const kind = lstatSync(path);
        const content = kind.isFile()
          ? createHash("sha256").update(readFileSync(path)).digest("hex")
          : kind.isSymbolicLink()
            ? readlinkSync(path)
            : "";
        entries.set(path, `${mode.toString(8)} ${uid} ${kind.isDirectory() ? "" : nlink} ${content}`);
        if (kind.isDirectory()) walk(path);
      }
    };
    walk(folder);
    return entries;
  }

  remove(): void {
    for (const child of this.#started) killWithGuard(child);
    // What was just killed may still be writing its last file.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #command(cwd: string, command: string, words: readonly string[]): [string, ...string[]] {
    const become =
      this.person === "ordinary" ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
    const [first, ...rest] = [...this.#enter(cwd), ...become, command];
    return [first, ...rest, ...words];
  }

  #finish(command: string, words: readonly string[], options: RunOptions): Result {
    const cwd = options.cwd ?? this.workspace;
    const [program, ...rest] = this.#command(cwd, command, words);
    const { status, signal, stdout, stderr, error } = spawnSync(program, rest, {
      cwd,
      env: this.environment(options),
      encoding: "utf8",
      timeout: options.timeout ?? 20_000,
      killSignal: "SIGKILL",
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(options.stdio === undefined ? {} : { stdio: options.stdio }),
    });
    if (error !== undefined && !("code" in error && error.code === "ETIMEDOUT")) throw error;
    return { status, signal, stdout: stdout ?? "", stderr: stderr ?? "" };
  }

  #own(): void {
    if (this.person === "self") return;
    const give = (path: string): void => {
      chownSync(path, NOBODY, NOBODY);
      if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) give(join(path, name));
    };
    if (this.person === "ordinary") give(this.folder);
    else for (const folder of [this.outside, join(this.home, "work")]) give(folder);
  }
}

/** Runs a test once a person, on a stage that goes away afterwards. */
export async function onStage(person: Person, act: (stage: Stage) => void | Promise<void>): Promise<void> {
  const stage = new Stage(person);
  try {
    await act(stage);
  } finally {
    stage.remove();
  }
}
