import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

export interface Message {
  readonly id?: unknown;
  readonly result?: {
    readonly tools?: readonly { readonly name: string }[];
    readonly content?: readonly { readonly text: string }[];
    readonly [name: string]: unknown;
  };
  readonly error?: { readonly code: number; readonly message: string };
}

/** A client of few words, so that it can say what no library would. */
export class LineClient {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #wake: () => void = () => {};
  readonly gone: Promise<number | null>;
  stderr = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    this.gone = new Promise((resolve) => child.once("exit", resolve));
    child.stderr?.on("data", (chunk) => (this.stderr += String(chunk)));
    if (child.stdout === null) throw new Error("no output");
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
  }

  async raw(
    line: string,
    wanted: (message: Message) => boolean,
  ): Promise<{ readonly line: string; readonly message: Message }> {
    this.#child.stdin?.write(`${line}\n`);
    for (;;) {
      const found = this.#lines.find((each) => wanted(JSON.parse(each)));
      if (found !== undefined) return { line: found, message: JSON.parse(found) };
      // oxlint-disable-next-line no-await-in-loop -- until it comes, or the test's time is over
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async ask(id: number, method: string, params: object = {}): Promise<Message> {
    return (await this.raw(JSON.stringify({ jsonrpc: "2.0", id, method, params }), (message) => message.id === id))
      .message;
  }

  call(id: number, name: string, given: object = {}): Promise<Message> {
    return this.ask(id, "tools/call", { name, arguments: given });
  }

  hangUp(): void {
    this.#child.stdin?.end();
  }
}

export const hello = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } };
