import { serverFactory } from "./factory.ts";
import { OneReading } from "./one-reading.ts";
import type { Orchestrator } from "./orchestrator.ts";

/** Serves the client on this process's own standard streams until it has gone, or `ended` settles. */
export async function serveStandardStreams(orchestrator: Orchestrator, ended: Promise<void>): Promise<void> {
  const [factory, { serveStdio, StdioServerTransport }, { parseJsonText }] = await Promise.all([
    serverFactory(() => orchestrator),
    import("@modelcontextprotocol/server/stdio"),
    import("../session/json-text.ts"),
  ]);
  const gone = new Promise<void>((resolve) => {
    for (const event of ["end", "close", "error"] as const) process.stdin.once(event, () => resolve());
    process.stdout.once("error", () => resolve());
  });
  const messages = process.stdin.pipe(new OneReading(parseJsonText, refuse));
  const handle = serveStdio(factory, { transport: new StdioServerTransport(messages, process.stdout) });
  await Promise.race([gone, ended]);
  await handle.close();
}

/** Settles when there is room for more. */
function refuse(message: string): Promise<void> {
  const answer = { jsonrpc: "2.0", id: null, error: { code: -32_700, message } };
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(answer)}\n`, () => resolve()));
}
