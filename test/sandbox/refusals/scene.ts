import { absolutePath } from "../../../src/policy/index.ts";
import type { Oracle } from "../../../src/policy/index.ts";
import { findRefusals } from "../../../src/sandbox/refusals/index.ts";
import type { Refusal } from "../../../src/sandbox/refusals/index.ts";
import { oracle as compiled, profile, ws } from "../../policy/machine.ts";

export const home = absolutePath("/home/u");

/** The working directory may be written but for protected names, `/ro` read, the home is private, the network shut. */
export const isolated: Oracle = compiled(profile({ extends: ":isolated", filesystem: { "/ro": "read" } }));

/** The same acts, all allowed. */
export const open: Oracle = compiled(profile({ extends: ":danger-full-access" }));

/** What the host has. */
const host = new Set(
  [
    "/ro",
    "/ro/f",
    "/srv",
    "/srv/data",
    "/srv/data/x",
    "/srv/a b",
    "/opt/tool",
    "/home/u/notes",
    "/home/u/notes/todo.txt",
    "/home/u/.ssh/id_ed25519",
    "/home/u/ws/.git/config",
    "/home/u/ws/.git/hooks",
    "/home/u/bin/helper",
    "/var/run/docker.sock",
    "/etc/passwd",
    "/usr/bin/cat",
    "/srv/it's here",
    "/srv/é",
    "/ro/a -> b",
  ].map((path) => path),
);

export const environment: ReadonlyMap<string, string> = new Map([
  ["PATH", "/usr/bin:/home/u/bin"],
  ["GITHUB_TOKEN", "x"],
  ["LANG", "C"],
]);

export function find(text: string | Uint8Array, oracle: Oracle = isolated, cwd: string = ws): readonly Refusal[] {
  return findRefusals({ text, oracle, cwd, home, exists: (path) => host.has(path), environment });
}

/** `write /ro/f EROFS`, one a refusal. */
export function brief(text: string | Uint8Array, oracle?: Oracle, cwd?: string): readonly string[] {
  return find(text, oracle, cwd).map(({ query, errno }) => {
    switch (query.op) {
      case "connect":
        return `connect ${query.host}:${query.port} ${errno}`;
      case "dns":
      case "env":
        return `${query.op} ${query.name} ${errno}`;
      case "bind":
        return `bind ${query.port} ${errno}`;
      default:
        return `${query.op} ${query.path} ${errno}`;
    }
  });
}
