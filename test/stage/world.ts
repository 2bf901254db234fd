import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Stage } from "./index.ts";
import type { Person } from "./index.ts";
import { furnish } from "./world/furnish.ts";

/** What the servers of a world wrote down. */
export type Heard =
  | { readonly kind: "dns"; readonly name: string; readonly type: string }
  | { readonly kind: "tcp"; readonly port: number; readonly address: string }
  | { readonly kind: "udp"; readonly port: number; readonly bytes: number }
  | { readonly kind: "closed"; readonly port: number; readonly received: number; readonly sent: number }
  | { readonly kind: "chain"; readonly url: string }
  | { readonly kind: "override"; readonly name: string; readonly value: string }
  | { readonly kind: "witness"; readonly text: string; readonly authorization: string | null }
  | { readonly kind: "upgrade"; readonly url: string; readonly host: string }
  | {
      readonly kind: "http";
      readonly method: string;
      readonly url: string;
      readonly host: string | null;
      readonly address: string;
      readonly port: number;
      readonly sni: string | null;
    };

/** Addresses that look like any on the internet, and some that must never be reached by chance. */
const ADDRESSES = [
  "93.184.215.14/32",
  "93.184.215.15/32",
  "2606:2800:21f::1/128",
  "10.1.2.3/32",
  "169.254.169.254/32",
  "100.100.100.200/32",
  "64:ff9b::a01:203/128",
  "fd00:ec2::254/128",
];

const TRUST = [
  "SSL_CERT_FILE",
  "CURL_CA_BUNDLE",
  "NODE_EXTRA_CA_CERTS",
  "PIP_CERT",
  "GIT_SSL_CAINFO",
  "CARGO_HTTP_CAINFO",
];

/** Makes the network and the files of a world, then becomes its servers. */
const SETUP = `set -e
ip link set lo up
for address in $ADDRESSES; do ip address add "$address" dev lo; done
mount --bind "$FOLDER/resolv.conf" /etc/resolv.conf
mount --bind "$FOLDER/hosts" /etc/hosts
if [ -e $BUNDLE ]; then cat $BUNDLE "$FOLDER/ca.pem" > "$FOLDER/bundle.pem"; mount --bind "$FOLDER/bundle.pem" $BUNDLE; fi
mount -t tmpfs -o mode=1777 tmpfs /run
exec "$NODE" "$MAIN" "$FOLDER/log" "$FOLDER"`;

/** Why no world can be made here; null where it can. */
export const noWorld: string | null = whyNot();

/**
 * A network of its own that plays the internet, with name servers, web servers and registries; nothing leaves the
 * machine. The tool is run inside it, by a stage from `stage`.
 */
export class World {
  /** Holds `ca.pem`, by which the servers' certificates are known. */
  readonly folder: string;
  readonly #servers: ChildProcess;

  private constructor(folder: string, servers: ChildProcess) {
    this.folder = folder;
    this.#servers = servers;
  }

  static async start(): Promise<World> {
    const folder = mkdtempSync("/var/tmp/sandboxed-world-");
    chmodSync(folder, 0o755);
    furnish(folder);
    const servers = spawn("unshare", ["--net", "--mount", "--propagation", "private", "sh", "-c", SETUP], {
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ADDRESSES: ADDRESSES.join(" "),
        FOLDER: folder,
        // What the machine trusts, and with it what the tool takes for a server's certificate.
        BUNDLE: "/etc/ssl/certs/ca-certificates.crt",
        NODE: process.execPath,
        MAIN: join(import.meta.dirname, "world/main.mjs"),
      },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const world = new World(folder, servers);
    const ended = once(servers, "exit").then(() => false);
    const ready = once(servers.stdout, "data").then(() => true);
    if (!(await Promise.race([ready, ended]))) {
      world.stop();
      throw new Error("the servers of the world ended before they were ready");
    }
    return world;
  }

  /** For programs that are to know the servers' certificates. */
  get trust(): Readonly<Record<string, string>> {
    const file = join(this.folder, "ca.pem");
    return Object.fromEntries(TRUST.map((name) => [name, file]));
  }

  /** A stage whose people live in this world. */
  stage(person: Person = "self"): Stage {
    return new Stage(person, (cwd) => this.enter(cwd));
  }

  /** The words before a command that make it run in this world, in that directory. */
  enter(cwd: string): readonly string[] {
    const namespaces = `/proc/${this.#servers.pid ?? 0}/ns`;
    return ["nsenter", `--net=${namespaces}/net`, `--mount=${namespaces}/mnt`, `--wdns=${cwd}`];
  }

  /** What the servers heard while something was done, and what came of it. */
  async hearing<T>(act: () => T): Promise<readonly [heard: readonly Heard[], result: Awaited<T>]> {
    const log = join(this.folder, "log");
    const before = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
    const result = await act();
    const lines = readFileSync(log, { flag: "a+" }).subarray(before).toString().split("\n");
    const heard = lines.filter((line) => line !== "").map((line): Heard => JSON.parse(line));
    return [withoutEarlier(heard), result];
  }

  stop(): void {
    this.#servers.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Connections of what was done before may be seen to end only now. */
function withoutEarlier(heard: readonly Heard[]): readonly Heard[] {
  const open = new Map<number, number>();
  return heard.filter((each) => {
    if (each.kind !== "tcp" && each.kind !== "closed") return true;
    const count = (open.get(each.port) ?? 0) + (each.kind === "tcp" ? 1 : -1);
    if (count < 0) return false;
    open.set(each.port, count);
    return true;
  });
}

function whyNot(): string | null {
  if (process.getuid?.() !== 0) return "only root can make a network of its own";
  const { status } = spawnSync("unshare", ["--net", "--mount", "ip", "link", "set", "lo", "up"]);
  return status === 0 ? null : "this machine makes no network namespaces";
}
