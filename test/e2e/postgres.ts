import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import type { Stage } from "../stage/index.ts";

/** Where PostgreSQL's programs are, server and client; or why no database can be tried. */
export type Postgres = { readonly programs: string } | { readonly missing: string };

const needed = ["postgres", "initdb", "pg_isready"] as const;

export const postgres: Postgres = newest();

function newest(): Postgres {
  if (!isProgram("/usr/bin/psql")) return { missing: "/usr/bin/psql is not here" };
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const inPath = (process.env["PATH"] ?? "").split(":").map((folder) => `${folder}/postgres`);
  const folders = [...versions.map((version) => `${debian}/${version}/bin`), ...inPath.filter(isProgram).map(folderOf)];
  const programs = folders.find((folder) => needed.every((name) => isProgram(`${folder}/${name}`)));
  return programs === undefined ? { missing: `nowhere are ${needed.join(", ")} together` } : { programs };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function folderOf(path: string): string {
  return dirname(realpathSync(path));
}

/** A server of the host's with one database, which asks nobody for a password. */
export class Database {
  readonly port: number;
  /** The folder of its socket. */
  readonly sockets: string;
  readonly #server: ChildProcess;

  /** `stage` must be of an ordinary user: the server refuses to be root's. */
  static start(programs: string, stage: Stage, port: number): Database {
    const data = `${stage.outside}/data`;
    const words = ["-D", data, "-A", "trust", "-U", "me", "--no-sync", "-E", "UTF8"];
    const made = stage.plain(`${programs}/initdb`, words);
    if (made.status !== 0) throw new Error(made.stderr);
    const database = new Database(programs, stage, data, port);
    const isReady = `until ${programs}/pg_isready -q -h 127.0.0.1 -p ${port}; do sleep 0.1; done`;
    if (stage.plain("sh", ["-c", isReady]).status === 0) return database;
    database.#server.kill("SIGQUIT");
    throw new Error("the database does not begin to answer");
  }

  private constructor(programs: string, stage: Stage, data: string, port: number) {
    this.port = port;
    this.sockets = `${stage.outside}/sockets`;
    stage.write(`${this.sockets}/file`, "beside\n");
    const settings = ["fsync=off", "shared_buffers=1MB", "max_connections=8"].flatMap((setting) => ["-c", setting]);
    const words = ["-D", data, "-p", `${port}`, "-k", this.sockets, ...settings];
    this.#server = stage.startPlain(`${programs}/postgres`, words);
  }

  get socket(): string {
    return `${this.sockets}/.s.PGSQL.${this.port}`;
  }

  async stop(): Promise<void> {
    this.#server.kill("SIGQUIT");
    await once(this.#server, "exit");
  }
}
