import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Stage } from "./index.ts";
import type { Person, Result, RunOptions } from "./index.ts";
import type { World } from "./world.ts";

/** Where an administrator keeps requirements. */
export const requirementsFile = "/etc/sandboxed/requirements.toml";

/** A machine with requirements: everything on its stage sees another `/etc/sandboxed`, and nobody else does. */
export class RequiringMachine {
  readonly stage: Stage;
  readonly #etc: string;

  /** In a world, its network and its name servers are this machine's. */
  constructor(person: Person = "self", world: World | null = null) {
    const root = mkdtempSync("/var/tmp/sandboxed-etc-");
    chmodSync(root, 0o755);
    this.#etc = join(root, "etc");
    mkdirSync(join(this.#etc, "sandboxed"), { recursive: true });
    // The overlay makes the place where there is none, as writable as ever; the bind mount lets changes be seen.
    const upper = join(root, "upper");
    mkdirSync(upper);
    const memory = `mount -t tmpfs -o mode=755 tmpfs ${upper} && mkdir ${upper}/own ${upper}/work`;
    const layers = `lowerdir=${this.#etc}:/etc,upperdir=${upper}/own,workdir=${upper}/work`;
    const overlay = `${memory} && mount -t overlay overlay -o ${layers} /etc`;
    const mount = `${overlay} && mount --bind ${this.folder} /etc/sandboxed && exec "$@"`;
    for (const name of world === null ? [] : ["resolv.conf", "hosts"]) {
      copyFileSync(join(world?.folder ?? "", name), join(this.#etc, name));
    }
    const enter = (cwd: string): readonly string[] => world?.enter(cwd) ?? [];
    this.stage = new Stage(person, (cwd) => [...enter(cwd), "unshare", "-m", "sh", "-c", mount, "sh"]);
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
    rmSync(join(this.#etc, ".."), { recursive: true, force: true });
  }
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
