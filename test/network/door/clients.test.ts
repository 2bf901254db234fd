import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { openOrigin, openStand } from "./stand.ts";

const run = promisify(execFile);
const curl = "/usr/bin/curl";

describe.skipIf(!existsSync(curl))("curl", () => {
  it.each([
    ["an HTTP proxy", (port: number) => ["-x", `http://127.0.0.1:${port}`]],
    ["CONNECT for everything", (port: number) => ["-p", "-x", `http://127.0.0.1:${port}`]],
    ["SOCKS5 with names", (port: number) => ["-x", `socks5h://127.0.0.1:${port}`]],
    ["a password", (port: number) => ["-x", `http://run:s3cret@127.0.0.1:${port}`]],
    ["SOCKS5 with a password", (port: number) => ["-x", `socks5h://run:s3cret@127.0.0.1:${port}`]],
    ["an offer of HTTP/2", (port: number) => ["--http2", "-x", `http://127.0.0.1:${port}`]],
  ])("gets through by way of %s what is allowed, and nothing else", async (name, options) => {
    const origin = await openOrigin();
    const { port, gate } = await openStand(name.includes("password") ? { secret: "s3cret" } : {});
    const folder = mkdtempSync(join(tmpdir(), "sandboxed-curl-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "body");
    // Large enough for curl to ask with "Expect: 100-continue" first.
    writeFileSync(file, "x".repeat(2_000_000));
    const ask = (host: string, ...more: string[]): Promise<{ stdout: string }> =>
      run(curl, ["-sS", "--fail", "-m", "10", ...options(port), ...more, `http://${host}:${origin.port}/a`], {
        maxBuffer: 10_000_000,
        env: {},
      });
    expect((await ask("good.test")).stdout).toBe("GET /a ");
    expect((await ask("good.test", "--data-binary", `@${file}`)).stdout).toHaveLength(8 + 2_000_000);
    await expect(ask("evil.test")).rejects.toThrow(/403|SOCKS|CONNECT/);
    expect(gate.located).not.toContain("evil.test");
    expect(origin.seen).toHaveLength(2);
  });
});
