import { createServer } from "node:net";
import { connect } from "node:tls";
import { listen } from "../door/stand.ts";

/** What node's TLS really sends. */
export async function realHello(servername: string | undefined): Promise<Buffer> {
  const server = createServer();
  const port = await listen(server);
  return new Promise((resolve) => {
    server.once("connection", (socket) => {
      socket.once("data", (chunk) => {
        resolve(chunk);
        socket.destroy();
      });
    });
    connect({ port, host: "127.0.0.1", ...(servername !== undefined && { servername }) }).on("error", () => {});
  });
}
