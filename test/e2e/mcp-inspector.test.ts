import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { serve } from "../mcp-server/http-client.ts";
import { onStage } from "../stage/index.ts";
import type { Result, Stage } from "../stage/index.ts";

const inspector = new URL(
  "../../node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js",
  import.meta.url,
).pathname;

type Inspect = (...words: readonly string[]) => Result;

interface Reached {
  readonly inspect: Inspect;
  /** The same without what lets it in; null where nothing does. */
  readonly stranger: Inspect | null;
  readonly end: () => Promise<unknown>;
}

const inspecting =
  (stage: Stage, target: readonly string[]): Inspect =>
  (...words) =>
    stage.plain(process.execPath, [inspector, "--cli", ...target, ...words]);

const ways: Readonly<Record<string, (stage: Stage) => Promise<Reached>>> = {
  "standard streams": (stage) =>
    Promise.resolve({
      inspect: inspecting(stage, [process.execPath, stage.tool("sandboxed"), "mcp-server"]),
      stranger: null,
      end: () => Promise.resolve(),
    }),
  "streamable HTTP": async (stage) => {
    const { url, token, end } = await serve(stage);
    const target = [url, "--transport", "http", "--stored-auth-only"];
    return {
      inspect: inspecting(stage, [...target, "--header", `Authorization: Bearer ${token}`]),
      stranger: inspecting(stage, target),
      end,
    };
  },
};

describe("the official inspector's command line at sandboxed mcp-server", () => {
  it.each(Object.entries(ways))("lists tools, runs commands and is told what was refused, over %s", (_, reach) =>
    onStage("self", async (stage) => {
      const { inspect, stranger, end } = await reach(stage);
      const run = (...command: readonly string[]): readonly string[] => {
        const given = JSON.stringify({ command });
        return ["--method", "tools/call", "--tool-name", "run_command", "--tool-args-json", given];
      };
      const listed = inspect("--method", "tools/list", "--strict");
      expect(listed).toMatchObject({ status: 0 });
      const { tools } = JSON.parse(listed.stdout);
      const names = tools.map(({ name }: { readonly name: string }) => name);
      expect(names).toEqual(["run_command", "explain", "list_profiles", "read_session"]);
      const ran = inspect(...run("sh", "-c", "echo hello > made; cat made"));
      expect(JSON.parse(ran.stdout)).toMatchObject({ structuredContent: { status: 0, stdout: "hello\n" } });
      expect(stage.read("made")).toBe("hello\n");
      const key = join(stage.home, ".ssh/id_ed25519");
      const refused = inspect(...run("cat", key));
      expect(refused.status).not.toBe(0);
      expect(refused.stdout).toContain(key);
      expect(refused.stdout).not.toContain("PRIVATE");
      if (stranger !== null) {
        const outside = stranger(...run("sh", "-c", "echo no > made"));
        expect(outside.status).not.toBe(0);
        expect(stage.read("made")).toBe("hello\n");
      }
      await end();
    }),
  );
});
