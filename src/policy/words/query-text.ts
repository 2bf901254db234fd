import type { Decision, Operation, Query } from "../model/decision.ts";
import { SandboxedError } from "./error.ts";
import { escapeText } from "./escape.ts";
import { nearest } from "./nearest.ts";

/** Every question the oracle answers, and what goes with it. */
export const operations: Readonly<Record<Operation, string>> = {
  read: "PATH",
  write: "PATH",
  create: "PATH",
  list: "PATH",
  exec: "PATH",
  move: "PATH",
  connect: "HOST:PORT",
  connect_unix: "PATH",
  bind: "PORT",
  dns: "NAME",
  env: "NAME",
};

/**
 * `["read", "~/.ssh"]`, `["connect", "example.com:443"]` as a question. Paths are taken from `cwd`, `~` from `home`.
 * Errors: `usage`.
 */
export function readQuery(words: readonly string[], cwd: string, home: string): Query {
  const [operation = "", subject, ...more] = words;
  if (!isOperation(operation)) {
    const names = Object.keys(operations);
    const guess = operation === "" ? null : nearest(operation, names);
    const message =
      operation === ""
        ? "a question is missing"
        : `${escapeText(JSON.stringify(operation))} is no question${guess === null ? "" : `; did you mean ${guess}?`}`;
    throw usage(message, `questions are ${names.join(", ")}; for example: explain read ~/.ssh/id_ed25519`);
  }
  if (subject === undefined || subject === "" || more.length > 0) {
    throw usage(
      `${operation} takes one ${operations[operation]}`,
      `write: explain ${operation} ${operations[operation]}`,
    );
  }
  if (operation === "connect") return { op: operation, ...endpoint(subject) };
  if (operation === "bind") return { op: operation, port: portOf(subject) };
  if (operation === "dns" || operation === "env") return { op: operation, name: subject };
  return { op: operation, path: absolute(subject, cwd, home) };
}

/** In words for a person: `read /etc/shadow`, `connect example.com:443`. */
export function showQuery(query: Query): string {
  switch (query.op) {
    case "connect":
      return `connect ${escapeText(query.host.includes(":") ? `[${query.host}]` : query.host)}:${query.port}`;
    case "bind":
      return `bind ${query.port}`;
    case "dns":
    case "env":
      return `${query.op} ${escapeText(query.name)}`;
    default:
      return `${query.op} ${escapeText(query.path)}`;
  }
}

/**
 * What a person calls the answer: that a program may use a private place where the host's credential would be says
 * nothing good about that credential. The oracle marks it with what would show the real one.
 */
export function answerOf({ effect, where, suggestion }: Decision): "allow" | "deny" | "ask" | "hidden" {
  return effect === "allow" && where === "private" && suggestion !== null ? "hidden" : effect;
}

function isOperation(word: string): word is Operation {
  return Object.hasOwn(operations, word);
}

function endpoint(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined)
    throw usage(`${escapeText(text)} is not HOST:PORT`, "write example.com:443 or [2001:db8::1]:443");
  return { host, port: portOf(match?.[3] ?? "") };
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535) return port;
  throw usage(`${escapeText(text)} is not a port`, "ports are 1 to 65535");
}

function absolute(path: string, cwd: string, home: string): string {
  if (path.includes("\0")) throw usage("the path holds NUL", "check the path");
  if (path === "~" || path.startsWith("~/")) return `${home}${path.slice(1)}`;
  return path.startsWith("/") ? path : `${cwd}/${path}`;
}

function usage(message: string, hint: string): SandboxedError {
  return new SandboxedError("usage", message, { hint });
}
