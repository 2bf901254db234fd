import { serverFactory } from "./factory.ts";
import type { Orchestrator } from "./orchestrator.ts";

/** Serves the client on this process's own standard streams until it has gone, or `ended` settles. */
export async function serveStandardStreams(orchestrator: Orchestrator, ended: Promise<void>): Promise<void> {
  const [factory, { serveStdio, StdioServerTransport }] = await Promise.all([
    serverFactory(() => orchestrator),
    import("@modelcontextprotocol/server/stdio"),
  ]);
  const gone = new Promise<void>((resolve) => {
    for (const event of ["end", "close", "error"] as const) process.stdin.once(event, () => resolve());
    process.stdout.once("error", () => resolve());
  });
  const handle = serveStdio(factory, { transport: new StdioServerTransport() });
  await Promise.race([gone, ended]);
  await handle.close();
}
