import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { homedir } from "node:os";
import { at, codeOf, placeOf, SandboxedError } from "../../policy/index.ts";
import type { CredentialRule, CredentialSource, ErrorCode, Provenance } from "../../policy/index.ts";

/** What credentials are read from. */
export interface Sources {
  /** The broker's own environment. */
  readonly environment: { readonly [name: string]: string | undefined };
  /** What `~/` stands for; the user's home when absent. */
  readonly home?: string;
  /** Whether the program could read this file itself; such a file keeps no secret from it. */
  readonly isReadable?: (path: string) => boolean;
  /** Where somebody else than the rule's author closes the file, whoever would read it for the program; null for nowhere. */
  readonly closedBy?: (path: string, rule: CredentialRule) => Closing | null;
  /** The keyring's package; loaded when a rule needs it. */
  readonly loadKeyring?: () => Promise<KeyringModule>;
}

export interface Closing {
  readonly text: string;
  readonly provenance: Provenance;
}

/** What is used of `@napi-rs/keyring`. */
export interface KeyringModule {
  readonly Entry: new (service: string, account: string, options?: unknown) => { getPassword(): string | null };
}

/** More is no token. */
const largest = 8192;
/** Less cannot be told from ordinary text when an answer repeats it. */
const smallest = 8;

/**
 * The credential that a rule speaks of, without white space around it. Errors: `policy_invalid` with the rule's line
 * when there is none to be had, `policy_unenforceable` without a keyring. No message holds any of it.
 */
export async function readCredential(rule: CredentialRule, sources: Sources): Promise<string> {
  const text = (await readSource(rule, sources)).trim();
  if (text.length < smallest) throw refuse(rule, `is shorter than ${smallest} characters`);
  if (text.length > largest) throw refuse(rule, `is longer than ${largest} characters`);
  if (!/^[\x20-\x7e]+$/.test(text)) throw refuse(rule, "holds characters that cannot stand in a header");
  return text;
}

async function readSource(rule: CredentialRule, sources: Sources): Promise<string> {
  const { from } = rule;
  switch (from.kind) {
    case "env": {
      const value = sources.environment[from.name];
      if (value === undefined || value === "") throw refuse(rule, "is not set");
      return value;
    }
    case "file":
      return readFile(rule, from.path, sources);
    case "keyring":
      return readKeyring(rule, from, sources.loadKeyring ?? loadKeyring);
  }
}

/** Owned by the user or root and written by nobody else, so that what is sent is what its owner put there. */
function readFile(rule: CredentialRule, written: string, { home = homedir(), isReadable, closedBy }: Sources): string {
  const path = written.startsWith("~/") ? `${home}${written.slice(1)}` : written;
  if (isReadable?.(path) === true) throw refuse(rule, "can be read by the program itself", "deny it the file");
  let descriptor: number;
  try {
    // A pipe must not make us wait.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw refuse(rule, `cannot be opened (${codeOf(error) ?? "unreadable"})`);
  }
  try {
    const closing = closedBy?.(readlinkSync(`/proc/self/fd/${descriptor}`), rule) ?? null;
    if (closing !== null) {
      const { text, provenance } = closing;
      throw refuse(rule, `is closed by ${text} (${placeOf(provenance)})`, upTo(provenance));
    }
    const { uid, mode, size } = fstatSync(descriptor);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw refuse(rule, "is no regular file");
    if (uid !== 0 && uid !== process.geteuid?.()) throw refuse(rule, "belongs to somebody else");
    if ((mode & 0o022) !== 0) throw refuse(rule, "can be written by others", "take that away: chmod go-w");
    if (size > largest) throw refuse(rule, `is longer than ${largest} bytes`);
    const bytes = Buffer.alloc(largest + 1);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    return bytes.toString("latin1", 0, length);
  } finally {
    closeSync(descriptor);
  }
}

function upTo({ owner }: Provenance): string {
  return `this is up to ${owner}; no option of yours changes it`;
}

async function readKeyring(
  rule: CredentialRule,
  { service, account }: CredentialSource & { readonly kind: "keyring" },
  load: () => Promise<KeyringModule>,
): Promise<string> {
  const { Entry } = await load().catch((cause: unknown) => {
    throw refuse(rule, "needs the package @napi-rs/keyring", "npm install @napi-rs/keyring@2.1.2", {
      code: "policy_unenforceable",
      cause,
    });
  });
  let password: string | null;
  try {
    // Left to choose, it may take the kernel's keyring, which forgets everything at the next start.
    password = new Entry(service, account, { linux: { store: "secret-service" } }).getPassword();
  } catch {
    // What the system's keyring says of the failure is not known to be free of what it holds.
    throw refuse(rule, "cannot be read: no keyring answers, or it is locked", "unlock it, or use env: or file:", {
      code: "policy_unenforceable",
    });
  }
  if (password === null) throw refuse(rule, "is not in the keyring");
  return password;
}

async function loadKeyring(): Promise<KeyringModule> {
  // Not a literal: an optional package, which need not be there when this is built.
  const name: string = "@napi-rs/keyring";
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the package's own types are not there without it
  return (await import(name)) as KeyringModule;
}

function refuse(
  { name, from, provenance }: CredentialRule,
  what: string,
  hint = `it is what ${name} is to be read from`,
  { code = "policy_invalid", cause }: { readonly code?: ErrorCode; readonly cause?: unknown } = {},
): SandboxedError {
  return new SandboxedError(code, `${at(provenance)}${shown(from)} ${what}`, { hint, cause });
}

function shown(from: CredentialSource): string {
  switch (from.kind) {
    case "env":
      return `env:${from.name}`;
    case "file":
      return `file:${from.path}`;
    case "keyring":
      return `keyring:${from.service}/${from.account}`;
  }
}
