import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openInterception } from "../../../src/network/intercept/interception.ts";
import { readCredential, type KeyringModule, type Sources } from "../../../src/network/intercept/sources.ts";
import { SandboxedError } from "../../../src/policy/index.ts";
import { policyFor, secret } from "./stand.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sandboxed-source-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

/** What the program would be sent for, or how that failed. */
async function outcome(from: string, sources: Partial<Sources> = {}): Promise<string> {
  const credentials = { TOKEN: { host: "good.test", header: "Authorization", from } };
  const rule = policyFor([], { credentials }).layers.flatMap(({ network }) => network.credentials)[0];
  if (rule === undefined) throw new Error("no rule");
  try {
    return await readCredential(rule, { environment: {}, home: folder, ...sources });
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    expect(inspect(error, { depth: Infinity })).not.toContain(secret);
    return `${error.code} ${error.message}`.replaceAll(folder, "DIR");
  }
}

function written(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return `file:${path}`;
}

describe("a variable", () => {
  it.each([
    ["set", secret, secret],
    ["with white space around it", ` ${secret}\n`, secret],
    ["empty", "", "policy_invalid config.toml:1: env:X is not set"],
    ["too short", "1234567", "policy_invalid config.toml:1: env:X is shorter than 8 characters"],
    ["too long", "x".repeat(8193), "policy_invalid config.toml:1: env:X is longer than 8192 characters"],
    [
      "of two lines",
      `${secret}\r\nX: y`,
      "policy_invalid config.toml:1: env:X holds characters that cannot stand in a header",
    ],
    [
      "outside ASCII",
      `${secret}ü`,
      "policy_invalid config.toml:1: env:X holds characters that cannot stand in a header",
    ],
  ])("%s", async (_, value, expected) => {
    expect(await outcome("env:X", { environment: { X: value } })).toBe(expected);
  });

  it("that is not there", async () => {
    expect(await outcome("env:X")).toBe("policy_invalid config.toml:1: env:X is not set");
  });
});

describe("a file", () => {
  it("is read, by its path, below the home and through a link", async () => {
    const from = written("token", `${secret}\n`);
    symlinkSync(join(folder, "token"), join(folder, "link"));
    expect(await outcome(from)).toBe(secret);
    expect(await outcome("file:~/token")).toBe(secret);
    expect(await outcome(`file:${join(folder, "link")}`)).toBe(secret);
    expect(await outcome(written("public", secret, 0o444))).toBe(secret);
  });

  it.each([
    ["that is missing", () => `file:${join(folder, "none")}`, /cannot be opened \(ENOENT\)$/],
    ["that others can write", () => written("token", secret, 0o622), /can be written by others$/],
    ["that its group can write", () => written("token", secret, 0o620), /can be written by others$/],
    ["that is large", () => written("token", "x".repeat(9000)), /is longer than 8192 bytes$/],
    ["that is empty", () => written("token", "\n"), /is shorter than 8 characters$/],
    [
      "that is a directory",
      () => {
        mkdirSync(join(folder, "dir"));
        return `file:${join(folder, "dir")}`;
      },
      /is no regular file$/,
    ],
    [
      "that is a pipe",
      () => {
        execFileSync("mkfifo", ["-m", "600", join(folder, "pipe")]);
        return `file:${join(folder, "pipe")}`;
      },
      /is no regular file$/,
    ],
    ["that is a device", () => "file:/dev/zero", /is no regular file$/],
  ])("is refused: one %s", async (_, make, expected) => {
    const text = await outcome(make());
    expect(text).toMatch(/^policy_invalid config\.toml:1: file:/);
    expect(text).toMatch(expected);
  });

  it.skipIf(process.geteuid?.() !== 0)("is refused when it belongs to somebody else", async () => {
    const from = written("token", secret);
    chownSync(join(folder, "token"), 65_534, 65_534);
    expect(await outcome(from)).toMatch(/belongs to somebody else$/);
  });

  it("is refused when the program could read it itself", async () => {
    const from = written("token", secret);
    expect(await outcome(from, { isReadable: (path) => path.endsWith("/token") })).toMatch(/by the program itself$/);
    expect(await outcome(from, { isReadable: () => false })).toBe(secret);
  });
});

describe("a file that somebody else closes", () => {
  const provenance = { layer: "requirements", file: "r.toml", line: 3, column: 1, owner: "the administrator" } as const;
  it("is refused, whatever name it was given by", async () => {
    const from = written("token", secret);
    const link = join(folder, "link");
    symlinkSync("token", link);
    const closedBy = (path: string) =>
      path === realpathSync(join(folder, "token")) ? { text: 'deny_read "/srv"', provenance } : null;
    for (const name of [from, `file:${link}`]) {
      expect(await outcome(name, { closedBy })).toMatch(/ is closed by deny_read "\/srv" \(r\.toml:3\)$/);
    }
    expect(await outcome(`file:${link}`, { closedBy: () => null })).toBe(secret);
  });
});

describe("the keyring", () => {
  function keyring(password: () => string | null, asked: unknown[] = []): Pick<Sources, "loadKeyring"> {
    class Entry {
      constructor(...where: unknown[]) {
        asked.push(where);
      }

      getPassword(): string | null {
        return password();
      }
    }
    const loaded: KeyringModule = { Entry };
    return { loadKeyring: () => Promise.resolve(loaded) };
  }

  it("is asked for the account of the service, in the store that lasts", async () => {
    const asked: unknown[] = [];
    expect(
      await outcome(
        "keyring:sandboxed/api",
        keyring(() => secret, asked),
      ),
    ).toBe(secret);
    expect(asked).toEqual([["sandboxed", "api", { linux: { store: "secret-service" } }]]);
  });

  it.each([
    ["that has nothing", keyring(() => null), "policy_invalid config.toml:1: keyring:s/a is not in the keyring"],
    [
      "that is locked",
      keyring(() => {
        throw new Error(`no ${secret}`);
      }),
      "policy_unenforceable config.toml:1: keyring:s/a cannot be read: no keyring answers, or it is locked",
    ],
    [
      "whose package is not installed",
      { loadKeyring: () => Promise.reject(new Error("Cannot find package")) },
      "policy_unenforceable config.toml:1: keyring:s/a needs the package @napi-rs/keyring",
    ],
  ])("is refused: one %s", async (_, sources, expected) => {
    expect(await outcome("keyring:s/a", sources)).toBe(expected);
  });
});

it("one credential that cannot be read keeps a run from starting", async () => {
  const rule = { host: "good.test", header: "X-One", from: "env:ONE" };
  const policy = policyFor([], { credentials: { ONE: rule, TWO: { ...rule, header: "X-Two", from: "env:TWO" } } });
  const open = (environment: Sources["environment"]): Promise<unknown> =>
    openInterception({ policy, sources: { environment } });
  await expect(open({ ONE: secret })).rejects.toThrow("config.toml:1: env:TWO is not set");
  await expect(open({ ONE: secret, TWO: secret })).resolves.toBeDefined();
});
