import { array, assert, boolean, property, stringMatching } from "fast-check";
import { describe, expect, it } from "vitest";
import { Budget } from "../../src/session/protocol/limits.ts";
import { LineReader } from "../../src/session/protocol/line-reader.ts";
import { Line, withChannel } from "./channel.ts";

function linesIn(reader: LineReader): readonly string[] {
  const lines: string[] = [];
  for (let line = reader.next(); line !== null; line = reader.next()) lines.push(line.toString());
  return lines;
}

/** MiB that what `act` returns keeps. */
function kept(act: () => unknown): number {
  const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const before = used();
  const result = act();
  const after = used();
  expect(result).toBeDefined();
  return (after - before) / 1024 / 1024;
}

describe("a stream", () => {
  it("has the same lines however it is cut, and is given back to the budget", () => {
    const pieces = array(stringMatching(/^[ab\n]{0,9}$/), { maxLength: 30 });
    assert(
      property(pieces, array(boolean()), (cut, isRead) => {
        const budget = new Budget(1000);
        const reader = new LineReader(budget);
        const lines: string[] = [];
        for (const [at, piece] of cut.entries()) {
          expect(reader.feed(Buffer.from(piece))).toBe(true);
          if (isRead[at] === true) lines.push(...linesIn(reader));
        }
        lines.push(...linesIn(reader));
        const whole = cut.join("").split("\n");
        const rest = whole.pop() ?? "";
        expect([lines, reader.unfinished, reader.held]).toEqual([whole, rest.length, rest.length]);
        reader.drop();
        expect(budget.take(1000)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it.each<readonly [string, (reader: LineReader) => void]>([
    ["of empty lines", (reader) => void reader.feed(Buffer.alloc(1024 * 1024, "\n"))],
    [
      "that comes byte by byte",
      (reader) =>
        Array(500_000)
          .fill(0)
          .forEach(() => reader.feed(Buffer.from("x"))),
    ],
  ])("%s takes hardly more room than its bytes", (_, feed) => {
    const reader = new LineReader(new Budget(64 * 1024 * 1024));
    expect(kept(() => (feed(reader), reader))).toBeLessThan(32);
    reader.feed(Buffer.from("\n"));
    expect(linesIn(reader).length).toBeGreaterThan(0);
  });

  it("of nothing but ends of lines is not taken in faster than it is looked at, and others are served", () =>
    withChannel(["memory=notes"], async ({ port, token }) => {
      const [flood, other] = [await Line.open(port, token), await Line.open(port, token)];
      flood.socket.write(Buffer.alloc(16 * 1024 * 1024, "\n"));
      await new Promise((resolve) => setTimeout(resolve, 300));
      // What was not taken waits on the sender's side.
      expect(flood.socket.writableLength).toBeGreaterThan(4 * 1024 * 1024);
      expect(await other.code("session.ping")).toBe("ok");
      flood.socket.destroy();
    }));
});
