import { createHash } from "node:crypto";
import { accessSync, constants, readFileSync, realpathSync } from "node:fs";
import type { McpHttp, McpServer, McpStdio } from "../../config/index.ts";
import { escapeText, placeOf } from "../../policy/index.ts";
import type { ArgumentRules, McpAllowance, McpAllowlist, McpIdentity, TextMatcher } from "../../policy/index.ts";
import { runnerProblem } from "./package-runner.ts";
import { climbs, matchesText } from "./text-match.ts";

/** Where the executables of an allowlist are looked for, whatever the caller's PATH says. */
export const systemPath = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] as const;

/** How an allowed server is started; what the organisation fixed is not the caller's to change. */
export interface Admission {
  readonly program: string | null;
  /** Null where nothing is fixed. */
  readonly fixed: {
    /** `":session"` is the session's; null is `/`, where nothing is. */
    readonly cwd: string | null;
    /** Set whether or not its entry says so. */
    readonly env: ReadonlyMap<string, string>;
    readonly recheck: () => string | null;
  } | null;
  readonly arguments: ArgumentRules;
}

export type Admitted =
  | { readonly ok: true; readonly value: Admission }
  | { readonly ok: false; readonly reason: string };

/** Whether a server may be used: name and identity must both match. The reason names whose list it was. */
export function admit(server: McpServer, allowlist: McpAllowlist | null): Admitted {
  if (allowlist === null) {
    const program = server.transport.kind === "stdio" ? server.transport.command : null;
    return { ok: true, value: { program, fixed: null, arguments: new Map() } };
  }
  const allowance = allowlist.servers.get(server.name);
  const source = placeOf(allowance?.provenance ?? allowlist.provenance);
  const refuse = (why: string): Admitted => ({ ok: false, reason: `requirements (${source}): ${why}` });
  if (allowance === undefined) return refuse(`no server ${server.name} is allowed`);
  const { identity } = allowance;
  const { transport } = server;
  if (identity.kind === "url") {
    if (transport.kind !== "streamable_http") return refuse("its url has to match, and it has none");
    return matchesUrl(identity.url, transport)
      ? { ok: true, value: { program: null, fixed: null, arguments: allowance.arguments } }
      : refuse(`its url ${escapeText(transport.url)} is another`);
  }
  if (transport.kind !== "stdio") return refuse("its command has to match, and it has none");
  return admitCommand(transport, identity, allowance, refuse);
}

function admitCommand(
  transport: McpStdio,
  identity: Extract<McpIdentity, { kind: "command" }>,
  allowance: McpAllowance,
  refuse: (why: string) => Admitted,
): Admitted {
  const program = executable(identity.executable);
  if (program === null) return refuse(`its command ${escapeText(identity.executable)} is not on this machine`);
  const isNamed = transport.command === identity.executable;
  if (!isNamed && realPath(transport.command) !== realPath(program)) {
    return refuse(`its command ${escapeText(transport.command)} is another`);
  }
  const { args } = identity;
  const odd = transport.args.findIndex((word, index) => {
    const matcher = args[index];
    return matcher === undefined || !matchesText(matcher, word);
  });
  // Without its words, which scripts are told as well: secrets are passed in arguments.
  if (odd >= 0) return refuse(`its argument ${odd + 1} is another`);
  if (transport.args.length < args.length) return refuse(`its argument ${transport.args.length + 1} is missing`);
  const unpinned = runnerProblem(program, transport.args);
  if (unpinned !== null) return refuse(unpinned);
  for (const [name, value] of transport.env) {
    if (identity.env.get(name) !== value) return refuse(`its variable ${escapeText(name)} is not allowed`);
  }
  const variable = transport.envVars.find((name) => !identity.envVars.includes(name));
  if (variable !== undefined) return refuse(`its variable ${escapeText(variable)} is not allowed`);
  const isAnywhere = identity.cwd === ":session";
  if (!isAnywhere && transport.cwd !== null && transport.cwd !== identity.cwd) {
    return refuse(`its directory ${escapeText(transport.cwd)} is another`);
  }
  const recheck = (): string | null => {
    if (identity.sha256 === null || digestOf(program) === identity.sha256.toLowerCase()) return null;
    return `${escapeText(program)} is not the file with the digest that is allowed`;
  };
  const changed = recheck();
  if (changed !== null) return refuse(changed);
  return {
    ok: true,
    value: {
      program,
      fixed: { cwd: identity.cwd, env: identity.env, recheck },
      arguments: allowance.arguments,
    },
  };
}

/** Of a bare name in the system's PATH, or of an absolute path; null when nothing can be executed there. */
function executable(name: string): string | null {
  const candidates = name.includes("/")
    ? name.startsWith("/")
      ? [name]
      : []
    : systemPath.map((folder) => `${folder}/${name}`);
  return (
    candidates.find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }) ?? null
  );
}

function realPath(path: string): string | null {
  if (!path.startsWith("/")) return null;
  try {
    return realpathSync.native(path);
  } catch {
    return null;
  }
}

function digestOf(path: string): string | null {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    return null;
  }
}

function matchesUrl(matcher: TextMatcher, { url }: McpHttp): boolean {
  if (matcher.match === "regex") return matchesText(matcher, url);
  if (!URL.canParse(matcher.value)) return false;
  const allowed = new URL(matcher.value);
  const asked = new URL(url);
  if (matcher.match === "exact") return allowed.href === asked.href;
  // Another origin may well begin with the same letters.
  if (allowed.origin !== asked.origin || climbs(asked.pathname)) return false;
  const folder = allowed.pathname.endsWith("/") ? allowed.pathname : `${allowed.pathname}/`;
  return asked.pathname === allowed.pathname || asked.pathname.startsWith(folder);
}
