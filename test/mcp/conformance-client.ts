import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { built } from "../e2e/mcp-world.ts";
import type { McpServers, OfferedTool } from "../../src/mcp/index.ts";
import { isTable } from "../../src/mcp/catalogue.ts";
import { SandboxedError } from "../../src/policy/index.ts";

const front = new URL("./conformance-front.mjs", import.meta.url).pathname;

/** One scenario, as the suite gives it to a client. */
interface Scenario {
  readonly url: string;
  readonly scenario: string;
  readonly revision: string;
  readonly context: {
    readonly client_id?: string;
    readonly client_secret?: string;
    readonly toolCalls?: readonly { readonly name: string; readonly arguments: unknown }[];
  };
}

export interface ConformanceClient {
  /** For the suite, which adds the address of a scenario's server. */
  readonly command: string;
  close(): Promise<void>;
}

/**
 * The client of the built tool, for every scenario of the suite. What a person would do (trust a provider, log in, agree) is
 * done here; everything that is checked is the tool's own.
 */
export async function startConformanceClient(): Promise<ConformanceClient> {
  const folder = mkdtempSync(join(tmpdir(), "conformance-client-"));
  const path = join(folder, "socket");
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    serve(socket).then(
      () => socket.end("done"),
      (error: unknown) => socket.end(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
  });
  server.listen(path);
  await once(server, "listening");
  return {
    command: `${process.execPath} ${front} ${path}`,
    async close() {
      server.close();
      await once(server, "close");
      rmSync(folder, { recursive: true });
    },
  };
}

async function serve(socket: Socket): Promise<void> {
  let text = "";
  // An iterator would close what the answer goes out by.
  socket.setEncoding("utf8").on("data", (part: string) => (text += part));
  await once(socket, "end");
  const home = mkdtempSync(join(tmpdir(), "conformance-client-home-"));
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the front sends
    await new Person(JSON.parse(text) as Scenario, home).use();
  } finally {
    rmSync(home, { recursive: true });
  }
}

const MOST_LOGINS = 3;

class Person {
  readonly #scenario: Scenario;
  readonly #home: string;
  readonly #environment: ReadonlyMap<string, string>;
  #issuer: string | null = null;
  /** Those of the last login. */
  #scopes: readonly string[] = [];

  constructor(scenario: Scenario, home: string) {
    this.#scenario = scenario;
    this.#home = home;
    this.#environment = new Map([
      ["HOME", home],
      ["CLIENT_SECRET", scenario.context.client_secret ?? ""],
    ]);
  }

  /** Asks the server for everything, and logs in whenever the tool says so. */
  async use(): Promise<void> {
    for (let logins = 0; ; logins++) {
      // oxlint-disable-next-line no-await-in-loop -- each try has what the one before has brought
      const hint = await this.#try();
      if (hint === null) return;
      if (logins === MOST_LOGINS) throw new Error(hint);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await this.#logIn(hint);
    }
  }

  /** What the tool says to who has to log in. */
  async #try(): Promise<string | null> {
    const { servers } = await this.#open();
    try {
      await this.#ask(servers);
      return null;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "mcp_auth" && "hint" in error) {
        return String(error.hint);
      }
      throw error;
    } finally {
      await servers.close();
    }
  }

  async #logIn(hint: string): Promise<void> {
    const { mcp } = await built();
    this.#issuer = await this.#providerOf();
    const { server, transport, surroundings, credentials } = await this.#open();
    const [, more] = /the scopes you have and (.*): sandboxed/.exec(hint) ?? [];
    const login = await mcp.logIn({
      server,
      transport,
      fetch: await mcp.fetchFor(server, transport, surroundings),
      environment: this.#environment,
      scopes: more === undefined ? null : [...new Set([...this.#scopes, ...more.split(" ")])],
      show: (address) => {
        this.#scopes = (new URL(address).searchParams.get("scope") ?? "").split(" ");
        // In a browser, as somebody who says yes.
        fetch(address).catch(() => {});
      },
      timeout: 10_000,
    });
    await credentials.keep(server.name, login);
  }

  /** Lists, and calls each tool with what it wants. */
  async #ask(servers: McpServers): Promise<void> {
    await servers.start();
    const tools = await servers.tools();
    for (const { ref, definition } of tools) {
      const wanted = (this.#scenario.context.toolCalls ?? []).filter(({ name }) => name === definition.name);
      const all = wanted.length === 0 ? [this.#sample(definition, tools)] : wanted.map((each) => each.arguments);
      for (const given of all) {
        // oxlint-disable-next-line no-await-in-loop -- in the order that the suite counts on
        const tool = await servers.find(`mcp.${ref.server}.${ref.tool}`);
        // oxlint-disable-next-line no-await-in-loop -- as above
        await servers.call(tool, given, {}, { signal: AbortSignal.timeout(20_000) });
      }
    }
  }

  #sample({ name, inputSchema = {} }: OfferedTool["definition"], tools: readonly OfferedTool[]): object {
    if (this.#scenario.scenario === "tools_call") return { a: 5, b: 3 };
    if (name === "json_schema_echo") {
      return { schema: tools.find(({ ref }) => ref.tool === "json_schema_2020_12_tool")?.definition.inputSchema };
    }
    const values = new Map<unknown, unknown>([
      ["string", "x"],
      ["number", 1],
      ["integer", 1],
      ["boolean", true],
      ["object", {}],
      ["array", []],
    ]);
    const { properties, required } = inputSchema;
    const names: readonly unknown[] = Array.isArray(required) ? required : [];
    return Object.fromEntries(
      names.map((each) => {
        const property = isTable(properties) ? properties[String(each)] : undefined;
        return [each, isTable(property) ? values.get(property["type"]) : undefined];
      }),
    );
  }

  async #open() {
    const { config: configPart, gate, mcp, audit } = await built();
    const { context, url, revision } = this.#scenario;
    const [home, environment] = [this.#home, this.#environment];
    const file = join(home, "config.toml");
    writeFileSync(
      file,
      [
        "[mcp_servers.hub]",
        `url = "${url}"`,
        "required = true",
        `protocol = "${revision === "2026-07-28" ? revision : "legacy"}"`,
        "[mcp_servers.hub.oauth]",
        ...(context.client_id === undefined
          ? []
          : [`client_id = "${context.client_id}"`, 'client_secret_env_var = "CLIENT_SECRET"']),
        ...(this.#issuer === null ? [] : [`authorization_server_issuer = "${this.#issuer}"`]),
      ].join("\n"),
    );
    const config = await gate.loadGated({
      requirementsFile: null,
      systemRequirements: join(home, "none.toml"),
      environment,
      home,
      cwd: home,
      workspace: home,
      flags: configPart.noFlags,
      systemFile: file,
    });
    const server = config.mcpServers.get("hub");
    if (server?.transport.kind !== "streamable_http") throw new SandboxedError("internal", "no such server");
    const credentials = mcp.credentialsIn(join(home, "state"));
    const surroundings = {
      policy: config.policy,
      managed: config.managed,
      definitions: config.definitions,
      environment,
      cwd: home,
      allowlist: null,
      openSession: () => {
        const id = audit.newSessionId();
        const options = { id, ephemeral: true, argv: [], cwd: home, version: "0", environment };
        return { id, openJournal: () => audit.openSession(options).journal };
      },
    };
    const servers = new mcp.McpServers({
      servers: [server],
      pins: mcp.pinsIn(join(home, "state")),
      surroundings,
      // A person who fills in nothing.
      elicit: () => Promise.resolve({ action: "accept", content: {} }),
      authProvider: ({ name }, transport, fetchOf) =>
        mcp.bearerFor(name, transport, { credentials, environment, fetch: fetchOf }),
    });
    return { servers, server, transport: server.transport, surroundings, credentials };
  }

  /** Whom the server names, for a person who trusts it. */
  async #providerOf(): Promise<string> {
    const { origin, pathname } = new URL(this.#scenario.url);
    const challenge = (await fetch(this.#scenario.url, { method: "POST" })).headers.get("www-authenticate") ?? "";
    const [, named] = /resource_metadata="([^"]+)"/.exec(challenge) ?? [];
    const known = `${origin}/.well-known/oauth-protected-resource`;
    for (const place of [named, `${known}${pathname}`, known]) {
      // oxlint-disable-next-line no-await-in-loop -- the first that there is counts
      const answer = place === undefined ? null : await fetch(place);
      // oxlint-disable-next-line no-await-in-loop -- as above
      const metadata: unknown = answer?.ok === true ? await answer.json() : null;
      if (!isTable(metadata)) continue;
      const servers: unknown = metadata["authorization_servers"];
      return Array.isArray(servers) ? String(servers[0]) : origin;
    }
    return origin;
  }
}
