import { once } from "node:events";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { newSessionId } from "../../src/audit/index.ts";
import type * as AuditPart from "../../src/audit/index.ts";
import type * as ConfigPart from "../../src/config/index.ts";
import type { Config } from "../../src/config/index.ts";
import type { McpAllowlist } from "../../src/policy/index.ts";
import type * as GatePart from "../../src/gate/index.ts";
import type * as McpPart from "../../src/mcp/index.ts";
import type { Elicit, McpServers, Sample } from "../../src/mcp/index.ts";
import type { Stage } from "../stage/index.ts";

/** The parts of the built tool that an embedding host puts together. */
interface Built {
  readonly config: typeof ConfigPart;
  readonly gate: typeof GatePart;
  readonly mcp: typeof McpPart;
  readonly audit: typeof AuditPart;
}

export async function built(): Promise<Built> {
  const part = (name: string): Promise<unknown> =>
    import(join(process.env["SANDBOXED_TEST_TOOL"] ?? "", `dist/${name}/index.js`));
  const [config, gate, mcp, audit] = await Promise.all(["config", "gate", "mcp", "audit"].map(part));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the compiler made of those very modules
  return { config, gate, mcp, audit } as Built;
}

export interface Opened {
  readonly servers: McpServers;
  readonly config: Config;
}

/** Servers of the stage's configuration, in this process: closed by the caller. */
export async function openOn(
  stage: Stage,
  more: {
    readonly allowlist?: McpAllowlist;
    readonly elicit?: Elicit;
    readonly sample?: Sample;
    readonly grace?: number;
    readonly requirements?: string;
  } = {},
): Promise<Opened> {
  const { config: configPart, gate, mcp, audit } = await built();
  const environment = new Map(
    Object.entries(stage.environment()).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const { home, workspace: cwd } = stage;
  const { allowlist = null, requirements = "", ...rest } = more;
  const insists = join(stage.folder, "insists.toml");
  if (requirements !== "") stage.write(insists, requirements);
  const config = await gate.loadGated({
    requirementsFile: null,
    systemRequirements: insists,
    environment,
    home,
    cwd,
    workspace: cwd,
    flags: configPart.noFlags,
    systemFile: join(stage.folder, "none.toml"),
  });
  const servers = new mcp.McpServers({
    ...rest,
    servers: config.mcpServers.values(),
    pins: mcp.pinsIn(join(home, ".local/state/sandboxed")),
    surroundings: {
      policy: config.policy,
      managed: config.managed,
      definitions: config.definitions,
      environment,
      cwd,
      allowlist,
      openSession: () => {
        const id = newSessionId();
        const options = { id, ephemeral: true, argv: [], cwd, version: "0", environment };
        return { id, openJournal: () => audit.openSession(options).journal };
      },
    },
  });
  return { servers, config };
}

/** The fixture server in the stage's workspace, and the text of an entry for it. */
export function fixture(stage: Stage, name = "docs", lines = "", mode = "good"): string {
  cpSync(new URL("../mcp/fixture-server.mjs", import.meta.url).pathname, join(stage.workspace, "server.mjs"));
  return `[mcp_servers.${name}]\ncommand = "node"\nargs = ["${stage.workspace}/server.mjs"]\nenv = { SERVER_MODE = "${mode}" }\n${lines}\n`;
}

export function configure(stage: Stage, text: string): void {
  stage.write(join(stage.home, ".config/sandboxed/config.toml"), text);
}

/** A script in a sandbox, up to the question that one of its calls leads to. */
export interface Asking {
  readonly session: string;
  readonly question: string;
  readonly reply: (words: string) => void;
  readonly ended: Promise<{ readonly status: number | null; readonly shown: string }>;
}

export async function askingRun(stage: Stage, words: readonly string[], script: string): Promise<Asking> {
  const start = 'import os, sandboxed\nopen("session", "w").write(os.environ["SANDBOXED_SESSION_ID"])\n';
  stage.write("main.py", start + script);
  rmSync(join(stage.workspace, "session"), { force: true });
  const child = stage.start([...words, "main.py"]);
  let shown = "";
  child.stdout?.on("data", (chunk) => (shown += String(chunk)));
  const ended = once(child, "close").then(() => ({ status: child.exitCode, shown }));
  const session = (): string => stage.read("session") ?? "";
  let question = "";
  await expect
    .poll(() => (question = stage.sandboxed(["session", "show", session(), "--json"]).stdout), { timeout: 10_000 })
    .toContain('"id": "q');
  return {
    session: session(),
    question,
    reply(said) {
      const { status, stderr } = stage.sandboxed(["session", "reply", session(), said]);
      expect([status, stderr]).toEqual([0, ""]);
    },
    ended,
  };
}
