import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { SandboxedError } from "../../policy/index.ts";
import { JsonTextError, parseJsonText } from "../../session/index.ts";
import type { ServerProcess } from "./server-process.ts";

/** More lines that are no messages than this, and it is not a server. */
const MOST_ODD_LINES = 100;

/** The SDK's transport over a server's program. `parse` is the SDK's check of a message. */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #process: ServerProcess;
  readonly #parse: (value: unknown) => JSONRPCMessage;
  #odd = 0;
  #ended: Error | null = null;
  #isOver = false;

  constructor(process: ServerProcess, parse: (value: unknown) => JSONRPCMessage) {
    this.#process = process;
    this.#parse = parse;
  }

  /** Why it ended, for whoever was waiting for an answer. */
  get failure(): Error | null {
    return this.#ended;
  }

  start(): Promise<void> {
    return this.#process.start({
      line: (text) => this.#line(text),
      end: (error) => this.#end(error),
    });
  }

  send(message: JSONRPCMessage): Promise<void> {
    return this.#process.send(JSON.stringify(message));
  }

  async close(): Promise<void> {
    await this.#process.close();
    this.#end(null);
  }

  #line(text: string): void {
    let message: JSONRPCMessage;
    try {
      message = this.#parse(parseJsonText(text));
    } catch (error) {
      const why = error instanceof JsonTextError ? error.message : "it is no JSON-RPC message";
      this.onerror?.(new SandboxedError("mcp_server", `a line of the server's was left out: ${why}`, { cause: error }));
      this.#odd += 1;
      if (this.#odd < MOST_ODD_LINES) return;
      this.#ended ??= new SandboxedError("mcp_server", `${MOST_ODD_LINES} lines of the server's were no messages`);
      void this.#process.close();
      return;
    }
    this.onmessage?.(message);
  }

  #end(error: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended ??= error;
    this.onclose?.();
  }
}
