import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseOptions } from "../../src/cli/parse.ts";
import type { Command } from "../../src/cli/command.ts";
import type { Result } from "../../src/cli/command.ts";
import { requirementsCheck } from "../../src/cli/commands/requirements-check.ts";
import { requirementsKeygen } from "../../src/cli/commands/requirements-keygen.ts";
import { requirementsShow } from "../../src/cli/commands/requirements-show.ts";
import { requirementsSign } from "../../src/cli/commands/requirements-sign.ts";
import { verifyBundle } from "../../src/requirements/bundle/verify.ts";
import { put, refusal } from "../config/stage.ts";

function folder(): string {
  const made = realpathSync(mkdtempSync(join(tmpdir(), "commands-")));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function signing(): { readonly key: string; readonly file: string; readonly out: string } {
  const root = folder();
  return { key: join(root, "key.pem"), file: join(root, "b.toml"), out: join(root, "b.bundle") };
}

async function run(command: Command, ...words: readonly string[]): Promise<Result> {
  return command.run(parseOptions(words, command.options, "anywhere"));
}

describe("sandboxed requirements check", () => {
  it("names line and column of what is wrong, and ends with 1", async () => {
    const file = join(folder(), "r.toml");
    put(file, '[permissions.filesystem]\ndeny_reed = ["/srv"]\n');
    const { status, text } = await run(requirementsCheck, file);
    expect([status, text]).toEqual([
      1,
      expect.stringContaining(`${file}:2:1: unknown key deny_reed; did you mean "deny_read"?`),
    ]);
  });

  it("warns of what is right and probably not meant", async () => {
    const file = join(folder(), "r.toml");
    put(
      file,
      `mcp_server_allowlist = {}
[permissions.filesystem]
deny_read = ["/no/such/place", "/etc", "/no/such/**/*.pem", "~/no-such-thing"]
[network]
allowed_domains = ["a.test"]
denied_domains = ["A.test"]
report_only_until = 2020-01-01T00:00:00Z
[[exceptions]]
id = "EX-1"
reason = "r"
approver = "a"
expires = 2020-01-01T00:00:00Z
[otel]
exporter = "none"
[[test]]
query = "read /usr/bin"
expect = "allow"
[[test]]
query = "read /srv"
expect = "deny"
`,
    );
    const { status, data } = await run(requirementsCheck, file);
    expect([status, data]).toEqual([
      0,
      {
        ok: true,
        file,
        warnings: [
          expect.stringMatching(/:3: "\/no\/such\/place" matches nothing/),
          expect.stringMatching(/:3: "\/no\/such\/\*\*\/\*\.pem" matches nothing/),
          expect.stringMatching(/:3: "~\/no-such-thing" matches nothing/),
          expect.stringMatching(/:5: "a\.test" is denied as well/),
          expect.stringMatching(/:7: .* is past: what was on trial holds/),
          expect.stringMatching(/:8: exception "EX-1" is past/),
          expect.stringMatching(/:1: the table is empty/),
          expect.stringMatching(/:15: "read \/usr\/bin" is asked of each run/),
          expect.stringMatching(/:13: nothing in this version acts on otel/),
        ],
      },
    ]);
  });

  it("takes a file for what it will be", async () => {
    const file = join(folder(), "r.toml");
    put(file, 'serial = 1\nexpires = 2999-01-01T00:00:00Z\naudit = "required"\n');
    expect((await run(requirementsCheck, file)).status).toBe(1);
    expect((await run(requirementsCheck, "--as", "bundle", file)).status).toBe(0);
    put(file, 'default_permissions = ":isolated"');
    expect((await run(requirementsCheck, file)).status).toBe(0);
    expect((await run(requirementsCheck, "--as", "given", file)).status).toBe(1);
  });
});

describe("sandboxed requirements keygen and sign", () => {
  it("make a bundle that verifies with the public key, from a key for the owner alone", async () => {
    const { key, file, out } = signing();
    const { text } = await run(requirementsKeygen, key);
    const publicKey = /public_key = "(.*)"/.exec(text)?.[1] ?? "";
    expect(statSync(key).mode & 0o777).toBe(0o600);
    put(file, 'serial = 7\nexpires = 2999-01-01T00:00:00Z\naudience = "laptops"\n');
    const signed = await run(requirementsSign, file, "--key", key, "--output", out);
    expect(signed.data).toMatchObject({ serial: 7, publicKey });
    const from = { url: "https://x.test", publicKey, minSerial: 0, audience: "laptops" };
    await expect(verifyBundle(readFileSync(out), from)).resolves.toMatchObject({ serial: 7 });
    expect((await refusal(() => run(requirementsSign, file, "--key", key, "--output", out))).message).toContain(
      "it is there already",
    );
    expect((await refusal(() => run(requirementsKeygen, key))).message).toContain("it is there already");
  });

  it.each([
    ["no serial", "expires = 2999-01-01T00:00:00Z", /needs serial/],
    ["no end", "serial = 1", /needs expires/],
    ["an unknown key", "serial = 1\nexpires = 2999-01-01T00:00:00Z\nx = 1", /unknown key x/],
  ])("do not sign what no machine would take: %s", async (_, text, message) => {
    const { key, file, out } = signing();
    await run(requirementsKeygen, key);
    put(file, text);
    expect((await refusal(() => run(requirementsSign, file, "--key", key, "--output", out))).message).toMatch(message);
  });
});

describe("sandboxed requirements show", () => {
  it("gives each value in force with who said it", async () => {
    const file = join(folder(), "given.toml");
    put(file, 'allowed_sandbox_modes = ["read-only"]\n[permissions.filesystem]\ndeny_read = ["/srv"]\n');
    const { data, text } = await run(requirementsShow, "--requirements", file);
    expect(data).toMatchObject({
      sources: [{ kind: "file", name: file, owner: "you" }],
      fields: [
        {
          key: "allowed_sandbox_modes",
          value: ["read-only"],
          conflict: "fall back",
          from: [{ file, line: 1, column: 1 }],
        },
        { key: "permissions.filesystem.deny_read", value: ["/srv"], from: [{ file, line: 3 }] },
      ],
    });
    expect(text).toContain(`allowed_sandbox_modes = ["read-only"]\n  ${file}:1, you\n  beyond it: fall back`);
  });
});
