import { entryFrom, escapeText, mergePatches, readProfile, SandboxedError } from "../policy/index.ts";
import type { Entry, NetworkMode, Profile, ProfilePatch, Provenance, RawProfile } from "../policy/index.ts";

/** What options and API calls say about the policy, as written. */
export interface ConfigFlags {
  /** A profile's name. */
  readonly permissions: string | null;
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly deny: readonly string[];
  readonly network: NetworkMode | null;
  /** Names of bundles, each word a list with commas. */
  readonly allow: readonly string[];
  readonly allowDomain: readonly string[];
  readonly denyDomain: readonly string[];
  readonly allowUnixSocket: readonly string[];
  /** Ports of the host's loopback. */
  readonly hostPort: readonly string[];
  /** `NAME`, handed on from the caller's environment, or `NAME=VALUE`. */
  readonly environment: readonly string[];
  readonly timeout: string | null;
  readonly memory: string | null;
  readonly processes: string | null;
  /** Another configuration file. */
  readonly file: string | null;
  /** `KEY=VALUE`. */
  readonly overrides: readonly string[];
  /** In the order given. */
  readonly features: readonly { readonly name: string; readonly on: boolean }[];
}

export const noFlags: ConfigFlags = {
  permissions: null,
  read: [],
  write: [],
  deny: [],
  network: null,
  allow: [],
  allowDomain: [],
  denyDomain: [],
  allowUnixSocket: [],
  hostPort: [],
  environment: [],
  timeout: null,
  memory: null,
  processes: null,
  file: null,
  overrides: [],
  features: [],
};

export const flagProvenance: Provenance = { layer: "flag", file: null, line: null, column: null, owner: "you" };

/** The options as a patch on the selected profile; relative paths are taken from `cwd`. Errors: `usage`. */
export function flagPatch(base: Profile, flags: ConfigFlags, cwd: string): ProfilePatch {
  const entries = [
    ...flags.read.map((path) => entryOf("read", path, cwd)),
    ...flags.write.map((path) => entryOf("write", path, cwd)),
    ...flags.deny.map((path) => entryOf("deny", path, cwd)),
  ];
  const { network, timeout, memory, processes } = flags;
  const said = [
    ...(network === null ? [] : [read(base, `--network ${network}`, { network: { mode: network } })]),
    ...reachPatches(base, flags, cwd),
    ...(timeout === null ? [] : [read(base, `--timeout ${timeout}`, { limits: { wall_time: amount(timeout) } })]),
    ...(memory === null ? [] : [read(base, `--memory ${memory}`, { limits: { memory: amount(memory) } })]),
    ...(processes === null
      ? []
      : [read(base, `--processes ${processes}`, { limits: { processes: count(processes) } })]),
    ...(flags.environment.length === 0 ? [] : [environmentPatch(base, flags.environment)]),
  ];
  const own: ProfilePatch = { name: base.name, provenance: flagProvenance, description: base.description, entries };
  return said.reduce((patch, next) => mergePatches(next, patch), own);
}

/** True when an option changes what the profile says. */
export function changesProfile(flags: ConfigFlags): boolean {
  const { read: reads, write, deny, environment, network, timeout, memory, processes } = flags;
  const { allow, allowDomain, denyDomain, allowUnixSocket, hostPort } = flags;
  const lists = [reads, write, deny, environment, allow, allowDomain, denyDomain, allowUnixSocket, hostPort];
  return lists.some((list) => list.length > 0) || [network, timeout, memory, processes].some((value) => value !== null);
}

/** What may be reached. To allow something where the profile has no network at all means a restricted one. */
function reachPatches(base: Profile, flags: ConfigFlags, cwd: string): readonly ProfilePatch[] {
  const bundles = flags.allow.flatMap((word) => word.split(",").map((name) => name.trim()));
  const domain = (option: string, pattern: string, access: "allow" | "deny"): ProfilePatch =>
    read(base, `${option} ${pattern}`, { network: { domains: { [pattern]: access } } });
  for (const pattern of flags.allowDomain) refuseOwnHost(pattern);
  // Of two that name the same pattern the first holds.
  const patches = [
    ...flags.denyDomain.map((pattern) => domain("--deny-domain", pattern, "deny")),
    ...bundles.map((name) => read(base, `--allow ${name}`, { network: { bundles: [name] } })),
    ...flags.allowDomain.map((pattern) => domain("--allow-domain", pattern, "allow")),
    ...flags.allowUnixSocket.map((path) =>
      read(base, `--allow-unix-socket ${path}`, {
        network: { unix_sockets: { [absolute(path, "read", cwd)]: "allow" } },
      }),
    ),
    ...flags.hostPort.map((port) => hostPortPatch(base, port)),
  ];
  const opens = bundles.length + flags.allowDomain.length + flags.hostPort.length > 0;
  if (!opens || flags.network !== null || base.network.mode !== "off") return patches;
  return [...patches, read(base, "--network restricted", { network: { mode: "restricted" } })];
}

/** `localhost` is the program's own; a port of the host's is opened in another way. */
function refuseOwnHost(pattern: string): void {
  const [, port = ""] = /^localhost\.?(?::(\d+))?$/i.exec(pattern) ?? [];
  if (!/^localhost\.?(?::|$)/i.test(pattern)) return;
  throw new SandboxedError("usage", `--allow-domain ${escapeText(pattern)}: localhost is the program's own`, {
    hint: `for a port of this machine's loopback write --host-port ${port === "" ? "PORT" : port}`,
  });
}

function hostPortPatch(base: Profile, port: string): ProfilePatch {
  const text = `--host-port ${port}`;
  const isPort = /^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535;
  if (!isPort) {
    throw new SandboxedError("usage", `${escapeText(text)}: that is no port`, {
      hint: "write a number from 1 to 65535",
    });
  }
  const allowed = { [`127.0.0.1:${port}`]: "allow", [`[::1]:${port}`]: "allow" } as const;
  return read(base, text, { network: { domains: allowed } });
}

function entryOf(access: "read" | "write" | "deny", path: string, cwd: string): Entry {
  const text = `--${access} ${path}`;
  return saying(text, () => {
    if (path === "") throw new SandboxedError("usage", "a path is missing", { hint: `write --${access} PATH` });
    if (path.includes("\0")) throw new SandboxedError("usage", "the path holds NUL");
    return entryFrom(absolute(path, access, cwd), access, flagProvenance, text);
  });
}

function absolute(path: string, access: "read" | "write" | "deny", cwd: string): string {
  const isAnchored = /^(?:[/:]|~(?:\/|$)|\*\*\/)/.test(path);
  if (isAnchored) return path;
  // What is denied may be a pattern: the directory in front of it is plain text.
  const base = access === "deny" ? cwd.replace(/[*?[\]{}\\]/g, "\\$&") : cwd;
  const whole = `${base === "/" ? "" : base}/${path.replace(/^(?:\.\/+)+/, "")}`;
  return path === "." ? base : whole;
}

/** A number alone counts in seconds or bytes. */
function amount(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text;
}

function count(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new SandboxedError("usage", `--processes ${escapeText(text)}: that is no number`, {
    hint: "write a whole number above 0",
  });
}

function environmentPatch(base: Profile, words: readonly string[]): ProfilePatch {
  const include: string[] = [];
  const set: Record<string, string> = Object.create(null);
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    // The value stays out of messages: it may be a secret.
    if (equals < 0) read(base, `--env ${name}`, { environment: { include: [name] } });
    else read(base, `--env ${name}`, { environment: { set: { [name]: word.slice(equals + 1) } } });
    if (equals < 0) include.push(name);
    else set[name] = word.slice(equals + 1);
  }
  return read(base, "--env", { environment: { include, set } });
}

function read(base: Profile, text: string, raw: RawProfile): ProfilePatch {
  return saying(text, () => ({
    ...readProfile(base.name, raw, () => flagProvenance),
    description: base.description,
  }));
}

/** Puts the option in front of what is wrong with it. */
function saying<T>(text: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    const hint = error.hint === null ? {} : { hint: error.hint };
    throw new SandboxedError("usage", `${escapeText(text)}: ${error.message}`, { ...hint, cause: error });
  }
}
