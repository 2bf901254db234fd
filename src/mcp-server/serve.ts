import type { McpServerFactory } from "@modelcontextprotocol/server";
import { version } from "../generated/version.ts";
import type { Orchestrator } from "./orchestrator.ts";

/** Makes a server for each connection, or for each request that stands alone. */
export async function serverFactory(orchestrator: Orchestrator): Promise<McpServerFactory> {
  const [sdk, { Approvals }, { registerTools }] = await Promise.all([
    import("@modelcontextprotocol/server"),
    import("./approvals.ts"),
    import("./tools.ts"),
  ]);
  const approvals = new Approvals(sdk);
  return () => {
    const server = new sdk.McpServer(
      { name: "sandboxed-run", version },
      {
        instructions: "Commands run in a sandbox: ask explain before working round a refusal.",
        requestState: approvals.requestState,
      },
    );
    registerTools(server, orchestrator, approvals);
    return server;
  };
}

/** Serves the client on this process's own standard streams until it has gone. */
export async function serveStandardStreams(orchestrator: Orchestrator): Promise<void> {
  const [factory, { serveStdio, StdioServerTransport }] = await Promise.all([
    serverFactory(orchestrator),
    import("@modelcontextprotocol/server/stdio"),
  ]);
  const gone = new Promise<void>((resolve) => {
    for (const event of ["end", "close", "error"] as const) process.stdin.once(event, () => resolve());
    process.stdout.once("error", () => resolve());
  });
  const handle = serveStdio(factory, { transport: new StdioServerTransport() });
  await gone;
  await handle.close();
}
