import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { freePort, listen } from "../mcp/http-servers.ts";
import { agree, startProtected } from "../mcp/oauth-server.ts";
import type { Protected, ProtectedOptions } from "../mcp/oauth-server.ts";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { startInKeyring, withoutKeyring } from "./keyring-world.ts";
import { configure } from "./mcp-world.ts";

const entry = ({ url, issuer }: Protected, lines = ""): string =>
  `[mcp_servers.hub]\nurl = "${url}"\n${lines}\n[mcp_servers.hub.oauth]\nauthorization_server_issuer = "${issuer}"\n`;

interface Ended {
  readonly status: number | null;
  readonly said: string;
  readonly addresses: readonly URL[];
}

/** Runs the command, and does what it asks of the person each time. */
async function login(
  stage: Stage,
  words: readonly string[] = [],
  person = agree,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = stage.startPlain(process.execPath, [stage.tool("sandboxed"), "mcp", "login", "hub", ...words], {
    stdio: ["ignore", "ignore", "pipe"],
    environment,
  });
  let said = "";
  const addresses: URL[] = [];
  child.stderr?.on("data", (chunk: Buffer) => {
    said += String(chunk);
    const shown = [...said.matchAll(/^sandboxed: {3}(http\S+)\n/gm)].map(([, url = ""]) => url);
    for (const url of shown.slice(addresses.length)) {
      addresses.push(new URL(url));
      void person(url);
    }
  });
  await once(child, "close");
  return { status: child.exitCode, said, addresses };
}

async function withServer(
  options: ProtectedOptions,
  act: (server: Protected, stage: Stage) => Promise<void>,
): Promise<void> {
  const server = await startProtected(options);
  try {
    await onStage("self", (stage) => act(server, stage));
  } finally {
    await server.close();
  }
}

/** Its tools, by a process of its own. */
async function tools(
  stage: Stage,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | null; readonly said: string }> {
  const words = ["mcp", "get", "hub", "--tools"];
  const child = stage.startPlain(process.execPath, [stage.tool("sandboxed"), ...words], { environment });
  let said = "";
  child.stdout?.on("data", (chunk: Buffer) => (said += String(chunk)));
  child.stderr?.on("data", (chunk: Buffer) => (said += String(chunk)));
  await once(child, "close");
  return { status: child.exitCode, said };
}

describe("sandboxed mcp login", () => {
  it("lets in who has logged in, until they log out; keeps the login for its owner alone", () =>
    withServer({}, async (server, stage) => {
      configure(stage, entry(server));
      const before = await tools(stage);
      expect([before.status, before.said]).toEqual([1, expect.stringContaining("log in: sandboxed mcp login hub")]);

      const { status, said, addresses } = await login(stage);
      expect([status, said]).toEqual([0, expect.stringContaining("warning: no keyring keeps the login")]);
      const asked = addresses[0]?.searchParams;
      expect(asked?.get("code_challenge_method")).toBe("S256");
      expect(asked?.get("resource")).toBe(server.url);
      expect(asked?.get("scope")).toBe("read");
      expect(server.registrations()).toBe(1);
      expect(await tools(stage)).toMatchObject({ status: 0, said: expect.stringContaining("echo") });

      const folder = join(stage.home, ".local/state/sandboxed/mcp/logins");
      const files = readdirSync(folder);
      expect(files.map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8))).toEqual(["600"]);
      const [secret = ""] = /"accessToken":"[^"]+"/.exec(stage.read(join(folder, files[0] ?? "")) ?? "") ?? [];
      expect(secret).not.toBe("");
      const list = stage.sandboxed(["mcp", "list", "--json"]).stdout;
      expect(list).toContain('"auth_status": "o_auth"');
      // Another address under the same name gets nothing of it.
      configure(stage, entry({ ...server, url: `${server.url}/other` }));
      expect(stage.sandboxed(["mcp", "list", "--json"]).stdout).toContain('"auth_status": "not_logged_in"');
      // A program in a sandbox does not find it.
      expect(stage.sh(`cat ${folder}/*`).stdout).not.toContain("accessToken");

      configure(stage, entry(server));
      expect(stage.sandboxed(["mcp", "logout", "hub"])).toMatchObject({ status: 0, stdout: "logged out of hub\n" });
      expect(readdirSync(folder)).toEqual([]);
      expect((await tools(stage)).status).toBe(1);
    }));

  it("renews what has ended once, for all processes that want it", () =>
    withServer({}, async (server, stage) => {
      configure(stage, entry(server));
      expect((await login(stage)).status).toBe(0);
      const folder = join(stage.home, ".local/state/sandboxed/mcp/logins");
      const file = join(folder, readdirSync(folder)[0] ?? "");
      const spoil = (how: object): void => {
        stage.write(file, JSON.stringify({ ...JSON.parse(stage.read(file) ?? ""), ...how }));
      };
      // Known to have ended; and good by the clock, but no longer taken.
      for (const how of [{ expires: 1 }, { accessToken: "of-old" }]) {
        spoil(how);
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const all = await Promise.all([tools(stage), tools(stage), tools(stage)]);
        expect(all.map(({ status, said }) => (status === 0 ? "" : said))).toEqual(["", "", ""]);
      }
      expect(server.grants).toEqual(["authorization_code", "refresh_token", "refresh_token"]);
      expect(readdirSync(folder)).toHaveLength(1);
      // Where it cannot be renewed, somebody has to log in again.
      spoil({ accessToken: "of-old", refreshToken: "of-old" });
      const { status, said } = await tools(stage);
      expect([status, said]).toEqual([1, expect.stringMatching(/invalid_grant[^]*sandboxed mcp login hub/)]);
    }));

  it.each<[what: string, words: readonly string[], lines: string, scope: string | null]>([
    ["asked for", ["--scopes", "write"], 'scopes = ["read"]', "write"],
    ["configured", [], 'scopes = ["write"]', "write"],
    ["advertised, which the provider refuses: none", [], "", null],
  ])("asks for the scopes %s", (_, words, lines, scope) =>
    withServer({ advertised: ["administer"] }, async (server, stage) => {
      configure(stage, entry(server, lines));
      const { status, addresses, said } = await login(stage, words);
      expect(status, said).toBe(0);
      expect(addresses.at(-1)?.searchParams.get("scope")).toBe(scope);
      // What a server advertises is nobody's configuration.
      expect(stage.read(join(stage.home, ".config/sandboxed/config.toml"))).toBe(entry(server, lines));
    }),
  );

  it.each<[what: string, words: readonly string[], says: string, lines: (server: Protected) => string]>([
    ["scopes that were asked for and do not exist", ["--scopes", "administer"], "scope", (server) => entry(server)],
    [
      "a provider that its entry does not name",
      [],
      "authorization_server_issuer",
      ({ url }) => `[mcp_servers.hub]\nurl = "${url}"\n`,
    ],
  ])("refuses %s", (_, words, says, lines) =>
    withServer({}, async (server, stage) => {
      configure(stage, lines(server));
      const { status, said, addresses } = await login(stage, words);
      expect([status, said]).toEqual([1, expect.stringContaining(says)]);
      expect(addresses).toEqual([]);
    }),
  );

  it("uses a client known beforehand: its port, and its secret out of the environment alone", async () => {
    const known = { id: "robot", secret: "of-the-robot-4711", port: await freePort() };
    await withServer({ client: known }, async (server, stage) => {
      const lines = `client_id = "robot"\nclient_secret_env_var = "HUB_SECRET"\ncallback_port = ${known.port}\n`;
      configure(stage, `${entry(server)}${lines}`);
      const unset = await login(stage);
      expect([unset.status, unset.said]).toEqual([1, expect.stringContaining("the variable HUB_SECRET")]);
      const wrong = await login(stage, [], agree, { HUB_SECRET: "another" });
      expect([wrong.status, wrong.said]).toEqual([1, expect.stringContaining("the provider refused: invalid_client")]);
      expect(server.grants).toEqual([]);

      const { status, said, addresses } = await login(stage, [], agree, { HUB_SECRET: known.secret });
      expect(status, said).toBe(0);
      expect(addresses[0]?.searchParams.get("client_id")).toBe("robot");
      expect(addresses[0]?.searchParams.get("redirect_uri")).toBe(`http://127.0.0.1:${known.port}/callback`);
      expect(server.registrations()).toBe(0);
      expect((await tools(stage)).status).toBe(0);
      const folder = join(stage.home, ".local/state/sandboxed/mcp/logins");
      const file = join(folder, readdirSync(folder)[0] ?? "");
      const kept = stage.read(file) ?? "";
      expect(kept).toContain("accessToken");
      expect(kept + said + stage.sandboxed(["mcp", "get", "hub", "--json"]).stdout).not.toContain(known.secret);
      // To renew it the secret is wanted again.
      stage.write(file, JSON.stringify({ ...JSON.parse(kept), expires: 1 }));
      expect(await tools(stage)).toMatchObject({ status: 1, said: expect.stringContaining("the variable HUB_SECRET") });
      expect((await tools(stage, { HUB_SECRET: known.secret })).status).toBe(0);
      expect(server.grants).toEqual(["authorization_code", "refresh_token"]);
    });
  });

  it.skipIf(withoutKeyring)("keeps the login in the system's keyring, where there is one, and in no file", () =>
    withServer({}, async (server, stage) => {
      configure(stage, entry(server));
      const mcp = `"${process.execPath}" "${stage.tool("sandboxed")}" mcp`;
      const folder = join(stage.home, ".local/state/sandboxed/mcp/logins");
      const list = `${mcp} list --json | grep auth_status`;
      const script = `${mcp} login hub && ${list}; ls "${folder}"; ${mcp} get hub --tools; ${mcp} logout hub; ${list}`;
      const child = startInKeyring(stage, ["bash", "-c", script], "other");
      let text = "";
      let opened = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on("data", (chunk: Buffer) => {
          text += String(chunk);
          const [, url = ""] = /^sandboxed: {3}(http\S+)\n/m.exec(text) ?? [];
          if (url === opened) return;
          opened = url;
          void agree(url);
        });
      }
      await once(child, "close");
      expect(text).not.toContain("no keyring");
      expect(text).toContain("echo (");
      expect(text).not.toMatch(/hub-[0-9a-f]{16}\.json/);
      expect(text.match(/"auth_status": "\w+"/g)).toEqual([
        '"auth_status": "o_auth"',
        '"auth_status": "not_logged_in"',
      ]);
      expect(text).toContain("logged out of hub");
    }),
  );

  it("says which port it cannot have, and tells a provider that is not there from one that refuses", async () => {
    const taken = await listen(() => Promise.resolve(new Response()));
    try {
      await withServer({}, async (server, stage) => {
        configure(stage, `${entry(server)}callback_port = ${taken.port}\n`);
        const { status, said } = await login(stage);
        expect([status, said]).toEqual([1, expect.stringMatching(`port ${taken.port} .*[^]*oauth.callback_port`)]);
      });
      await onStage("self", async (stage) => {
        const gone = await startProtected();
        configure(stage, entry(gone));
        await gone.close();
        const { status, said } = await login(stage);
        expect([status, said]).toEqual([1, expect.stringMatching(/MCP server hub: .*ECONNREFUSED/)]);
        expect(said).not.toContain("the provider refused");
      });
    } finally {
      await taken.close();
    }
  });

  it("takes no answer but the one it waits for, and tells what the provider says", () =>
    withServer({}, async (server, stage) => {
      configure(stage, entry(server));
      const { status, said, addresses } = await login(stage, [], async (url) => {
        const { searchParams } = new URL(url);
        const back = searchParams.get("redirect_uri") ?? "";
        const forged = await fetch(`${back}?code=stolen&state=guessed&iss=${server.issuer}`);
        expect(forged.status).toBe(404);
        const state = searchParams.get("state") ?? "";
        await fetch(`${back}?error=access_denied&error_description=no%0Anot+you&state=${state}&iss=${server.issuer}`);
        return "";
      });
      expect(status).toBe(1);
      expect(said).toContain("the provider refused: access_denied (no\\nnot you)");
      // Less would not help.
      expect(addresses).toHaveLength(1);
      expect(server.grants).toEqual([]);
    }));
});
