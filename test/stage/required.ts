import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Stage } from "./index.ts";
import type { Person, Result, RunOptions } from "./index.ts";
import type { World } from "./world.ts";

/** Where an administrator keeps requirements. */
export const requirementsFile = "/etc/sandboxed/requirements.toml";

/**
 * Makes the machine's file tree, says so, and keeps it until the tests have ended. The overlay makes the place where
 * there is none, as writable as ever, and numbers its files the same however long nobody asks for them; the bind mount
 * lets changes be seen.
 */
const MOUNT = `set -e
mount -t tmpfs -o mode=755 tmpfs "$UPPER"
mkdir "$UPPER/own" "$UPPER/work"
mount -t overlay overlay -o "lowerdir=$ETC:/etc,upperdir=$UPPER/own,workdir=$UPPER/work,xino=on" /etc
mount --bind "$ETC/sandboxed" /etc/sandboxed
echo mounted
exec cat > /dev/null`;

/** A machine with requirements: everything on its stage sees another `/etc/sandboxed`, and nobody else does. */
export class RequiringMachine {
  readonly stage: Stage;
  readonly #etc: string;
  /** Lives in the machine's file tree, which is one for all its life: a tree made anew is another disk to the tool. */
  readonly #holder: ChildProcess;

  /** In a world, its network and its name servers are this machine's. */
  constructor(person: Person = "self", world: World | null = null) {
    const root = mkdtempSync("/var/tmp/sandboxed-etc-");
    chmodSync(root, 0o755);
    this.#etc = join(root, "etc");
    mkdirSync(this.folder, { recursive: true });
    for (const name of world === null ? [] : ["resolv.conf", "hosts"]) {
      copyFileSync(join(world?.folder ?? "", name), join(this.#etc, name));
    }
    this.#holder = hold(world?.enter("/") ?? [], root, this.#etc);
    const namespaces = `/proc/${this.#holder.pid ?? 0}/ns`;
    const network = world === null ? [] : [`--net=${namespaces}/net`];
    this.stage = new Stage(person, (cwd) => ["nsenter", ...network, `--mount=${namespaces}/mnt`, `--wdns=${cwd}`]);
  }

  /** The folder that programs on the stage know as `/etc/sandboxed`. */
  get folder(): string {
    return join(this.#etc, "sandboxed");
  }

  /** Null for none. */
  require(text: string | null): void {
    const file = join(this.folder, "requirements.toml");
    rmSync(file, { force: true });
    if (text !== null) writeFileSync(file, text);
  }

  /** The user's own file; null for none. */
  configure(text: string | null): void {
    const file = join(this.stage.home, ".config/sandboxed/config.toml");
    rmSync(file, { force: true });
    if (text !== null) this.stage.write(file, text);
  }

  /** A program of the library's on the stage: `profile` is a raw profile over a built-in one. Its outcome as JSON. */
  api(base: string, profile: object, script: string, options: RunOptions = {}): Result {
    const library = join(process.env["SANDBOXED_TEST_TOOL"] ?? "", "dist/index.js");
    const program = `
      import { applyPatch, builtinProfile, readProfile, run } from ${JSON.stringify(library)};
      const said = { layer: "api", file: null, line: null, column: null, owner: "you" };
      const profile = applyPatch(builtinProfile(${JSON.stringify(base)}), readProfile("api", ${JSON.stringify(profile)}, () => said));
      const environment = new Map(Object.entries(process.env));
      try {
        const { status, denials } = await run({
          policy: { layers: [{ layer: "api", profile }] }, program: "sh", arguments: ["-c", ${JSON.stringify(script)}], script: null,
          cwd: process.cwd(), environment, workspaceRoots: null, workspace: "repo", backend: null, terminal: "never",
          streams: ["ignore", "inherit", "inherit"], session: { id: "api", openJournal: () => ({ append() {}, close() {} }) },
          explain: true, attended: false,
        });
        process.stderr.write(JSON.stringify(denials));
        process.exitCode = status;
      } catch (error) {
        process.stderr.write(error.code + ": " + error.message);
        process.exitCode = 125;
      }
    `;
    return this.stage.plain(process.execPath, ["--input-type=module", "-e", program], options);
  }

  remove(): void {
    this.stage.remove();
    this.#holder.kill("SIGKILL");
    rmSync(join(this.#etc, ".."), { recursive: true, force: true });
  }
}

/** Starts who holds the file tree of a machine; the words come before, to start it somewhere else. It is there already. */
function hold(enter: readonly string[], root: string, etc: string): ChildProcess {
  const upper = join(root, "upper");
  const saying = join(root, "saying");
  mkdirSync(upper);
  spawnSync("mkfifo", [saying]);
  // Nobody waits for the other side of it this way, and nobody else holds it open: it ends with who writes to it.
  const both = openSync(saying, constants.O_RDWR);
  const [reads, writes] = [openSync(saying, constants.O_RDONLY), openSync(saying, constants.O_WRONLY)];
  closeSync(both);
  const holder = spawn("env", [...enter, "unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNT], {
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ETC: etc, UPPER: upper },
    // The input is never written to: it ends with this process.
    stdio: ["pipe", writes, "inherit"],
  });
  closeSync(writes);
  const hasSaid = readSync(reads, Buffer.alloc(16)) > 0;
  closeSync(reads);
  if (!hasSaid) throw new Error("the machine's file tree could not be made");
  return holder;
}

const answering = `
  const server = require("node:http").createServer((_, response) => response.end("reached\\n"));
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;

/** Answers on the loopback of the host with `reached`, in a process of its own; end it with `kill`. */
export async function startHost(): Promise<{ readonly server: ChildProcess; readonly port: number }> {
  const server = spawn(process.execPath, ["-e", answering], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await once(server.stdout, "data");
  return { server, port: Number(String(said).trim()) };
}
