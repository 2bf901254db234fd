import { openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { ReadStream, WriteStream } from "node:tty";
import { styleText } from "node:util";
import type { Paint } from "./show.ts";
import { unpainted } from "./show.ts";
import type { Desk } from "./terminal.ts";

/** Stops the program and takes the terminal; null where that cannot be. What it settles with gives both back. */
export type BorrowTerminal = () => Promise<(() => void) | null>;

const COLOURS = { bold: "bold", dim: "dim", red: "red", green: "green", cyan: "cyan" } as const;

/** The terminal this process was started from, whatever its standard streams are. */
export function terminalDesk(borrow: BorrowTerminal, environment: NodeJS.ProcessEnv): () => Promise<Desk | null> {
  return async () => {
    const giveBack = await borrow();
    if (giveBack === null) return null;
    try {
      return openDesk(giveBack, environment);
    } catch {
      giveBack();
      return null; // there is no terminal
    }
  };
}

function openDesk(giveBack: () => void, { NO_COLOR: noColour = "", TERM: kind }: NodeJS.ProcessEnv): Desk {
  const output = openSync("/dev/tty", "w");
  const screen = new WriteStream(output);
  const { columns, rows } = screen;
  const input = new ReadStream(openSync("/dev/tty", "r"));
  const lines: string[] = [];
  let isEnded = false;
  let wake: () => void = () => {};
  // The terminal edits the line itself: it has its ordinary settings.
  const reader = createInterface({ input, terminal: false });
  reader.on("line", (line) => {
    lines.push(line);
    wake();
  });
  reader.on("close", () => {
    isEnded = true;
    wake();
  });
  input.on("error", () => reader.close());
  const paint: Paint =
    noColour !== "" || kind === "dumb"
      ? unpainted
      : (style, text) => styleText(COLOURS[style], text, { validateStream: false });
  return {
    width: Math.max(20, columns || 80),
    height: Math.max(10, rows || 24),
    paint,
    write(text) {
      writeSync(output, text);
    },
    readLine(signal) {
      return new Promise((resolve) => {
        const look = (): void => {
          const line = signal.aborted ? undefined : lines.shift();
          if (line === undefined && !isEnded && !signal.aborted) return;
          wake = () => {};
          signal.removeEventListener("abort", look);
          resolve(line ?? null);
        };
        wake = look;
        signal.addEventListener("abort", look, { once: true });
        look();
      });
    },
    leave() {
      reader.close();
      input.destroy();
      screen.destroy();
      giveBack();
    },
  };
}
