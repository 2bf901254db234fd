import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { openOrigin, openSink, openStand, Wire } from "./stand.ts";

describe("a door with a thousand tunnels and five hundred slow clients", () => {
  it("answers a good client within a second, loses no request, and gives back what it took", async () => {
    const sink = await openSink((socket) => socket.pipe(socket));
    const origin = await openOrigin();
    const { port, events } = await openStand();
    const ask = `good.test:${sink.port}`;
    const sockets: Socket[] = [];
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    const open = (text: string): Promise<Socket> =>
      new Promise((resolve, reject) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.write(text, () => resolve(socket));
        });
        socket.on("error", reject);
        sockets.push(socket);
      });

    let echoes = 0;
    const before = process.memoryUsage().rss;
    for (let batch = 0; batch < 20; batch += 1) {
      const tunnels = Array.from({ length: 50 }, async () => {
        const socket = await open(`CONNECT ${ask} HTTP/1.1\r\nHost: ${ask}\r\n\r\n\0ping`);
        socket.on("data", (chunk) => (echoes += chunk.includes("\0ping") ? 1 : 0));
      });
      await Promise.all(tunnels);
    }
    const slow = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        open(
          [
            "GET http://good.test/ HT",
            "\x05\x02",
            "\x05\x01\x00\x05\x01",
            "G",
            "POST http://good.test/ HTTP/1.1\r\nX:",
          ][index % 5] ?? "",
        ),
      ),
    );
    const dribble = setInterval(() => slow.forEach((socket) => void socket.write("x")), 200);
    onTestFinished(() => clearInterval(dribble));

    const authority = `good.test:${origin.port}`;
    const times: number[] = [];
    for (let index = 0; index < 20; index += 1) {
      const began = Date.now();
      const wire = new Wire(port).send(`GET http://${authority}/${index} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
      await wire.untilText(`GET /${index}`);
      times.push(Date.now() - began);
    }
    // Of all that it asks: once in a while a machine with other work to do keeps anybody waiting.
    expect(times.toSorted((one, other) => one - other)[15]).toBeLessThan(1000);
    const watch = new Wire(port);
    await watch.until(() => echoes === 1000);
    // Both ends and the door live in this process: some 60 kB for each of 1,500 connections and their servers.
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);

    for (const socket of sockets) socket.resetAndDestroy();
    const closed = (): number => events.filter(({ kind }) => kind === "closed").length;
    await watch.until(() => closed() === 1020);
  });
});
