import { createServer } from "node:net";
import type { Server } from "node:net";
import { SandboxedError } from "../../policy/index.ts";

/** A listener on a port of the loopback that was free. It keeps no process alive. Errors: `setup_failed`. */
export async function listenOnLoopback(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new SandboxedError("setup_failed", `cannot listen on 127.0.0.1: ${cause.message}`, { cause }));
    });
    server.listen({ host: "127.0.0.1", port: 0, exclusive: true }, resolve);
  });
  server.on("error", () => {}); // of accepting, which costs one connection
  server.unref();
  const address = server.address();
  if (address === null || typeof address === "string") throw new SandboxedError("internal", "a server without a port");
  return { server, port: address.port };
}
