import { expect, it } from "vitest";
import { Line, withChannel } from "./channel.ts";

const CLIENTS = 4;
const EACH = 7500;

it(
  "30,000 calls from four clients: each has its own answer, and memory does not grow with them",
  () =>
    withChannel(
      ["tools=*"],
      async ({ port, token, channel, events }) => {
        const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Line.open(port, token)));
        const round = async (line: Line, from: number, to: number): Promise<void> => {
          line.answers.length = 0;
          let text = "";
          for (let id = from; id < to; id++) {
            text += `{"jsonrpc":"2.0","id":${id},"method":"session.tool","params":{"name":"echo","arguments":{"id":${id}}}}\n`;
          }
          line.socket.write(text);
          await line.until(() => line.answers.length >= to - from || line.closed);
          for (const { id, result } of line.answers) {
            expect(Object(result).structuredContent.id).toBe(id);
          }
          expect(new Set(line.answers.map(({ id }) => id)).size).toBe(to - from);
        };
        let settled = 0;
        for (let from = 0; from < EACH; from += 2500) {
          await Promise.all(clients.map((line) => round(line, from, from + 2500)));
          expect(channel.openCalls).toBe(0);
          events.length = 0;
          if (from === 2500) settled = process.memoryUsage().heapUsed;
        }
        expect(process.memoryUsage().heapUsed - settled).toBeLessThan(150 * 1024 * 1024);
        for (const line of clients) line.socket.destroy();
      },
      { tools: [{ name: "echo", run: (given) => given }] },
    ),
  20_000,
);
