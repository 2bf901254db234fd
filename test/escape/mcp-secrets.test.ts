import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configure, fixture } from "../e2e/mcp-world.ts";
import { listen } from "../mcp/http-servers.ts";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

/** By the variable that holds it; `LEVEL` is written in the entry. */
const secrets: Readonly<Record<string, string>> = {
  HUB_TOKEN: "canary-of-the-bearer-4711",
  HUB_KEY: "canary-of-the-header-4712",
  DOCS_TOKEN: "canary-of-the-program-4713",
  LEVEL: "canary-of-the-entry-4714",
};

/** What was written below a folder, file after file. */
function written(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .map((path) => (statSync(path).isFile() ? readFileSync(path, "latin1") : ""))
    .join("\n");
}

async function shown(stage: Stage, tool: string, words: readonly string[]): Promise<string> {
  const environment = Object.fromEntries(Object.entries(secrets).filter(([name]) => name !== "LEVEL"));
  const child = stage.startPlain(process.execPath, [stage.tool(tool), ...words], { environment });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (text += String(chunk)));
  await once(child, "close");
  return text;
}

describe("secrets of servers", () => {
  it("reach the server they are for, and are shown and kept nowhere, also where it says them again", async () => {
    const came: string[] = [];
    const hub = await listen((request) => {
      const said = `${request.headers.get("authorization")} ${request.headers.get("x-key")}`;
      came.push(said);
      return Promise.resolve(new Response(`not allowed: ${said}`, { status: 403 }));
    });
    try {
      await onStage("self", async (stage) => {
        const docs = fixture(stage, "docs", 'env_vars = ["DOCS_TOKEN"]\ntools.read.approval_mode = "approve"', "tells");
        const level = docs.replace("SERVER_MODE", `LEVEL = "${secrets["LEVEL"]}", SERVER_MODE`);
        const headers = 'bearer_token_env_var = "HUB_TOKEN"\nenv_http_headers = { "X-Key" = "HUB_KEY" }';
        configure(stage, `${level}[mcp_servers.hub]\nurl = "${hub.url}"\n${headers}\n`);
        stage.write(
          "main.py",
          `import sandboxed
session = sandboxed.connect()
for name, given in ("docs.read", {"path": "/proc/self/environ"}), ("docs.odd", {"path": "exit"}), ("hub.any", {}):
    try: print(name, "of-the-program-4713" in session.tool("mcp." + name, given))
    except sandboxed.SessionError as error: print(error.code, error, error.hint)`,
        );
        const all: string[] = [];
        const looks = [
          ["mcp", "list"],
          ["mcp", "get", "docs", "--tools"],
          ["mcp", "get", "hub", "--tools"],
        ];
        const runs = [["-v"], ["--json"]].map((words) => [...words, "--grant", "tools=mcp.*", "main.py"]);
        /* oxlint-disable no-await-in-loop -- one after the other */
        for (const words of looks) all.push(await shown(stage, "sandboxed", words));
        for (const words of looks) all.push(await shown(stage, "sandboxed", [...words, "--json"]));
        for (const words of runs) all.push(await shown(stage, "sandboxed-run", words));
        all.push(await shown(stage, "sandboxed", ["audit", "show", "last"]));
        /* oxlint-enable no-await-in-loop */
        all.push(written(join(stage.home, ".local/state/sandboxed")));
        const everything = all.join("\n");
        for (const [name, secret] of Object.entries(secrets)) expect(everything, name).not.toContain(secret);
        expect(everything).toContain("docs.read True");
        expect(everything).toContain("not allowed: ***** *****");
        expect(came[0]).toBe(`Bearer ${secrets["HUB_TOKEN"]} ${secrets["HUB_KEY"]}`);
      });
    } finally {
      await hub.close();
    }
  });
});
