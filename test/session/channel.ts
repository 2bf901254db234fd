import { connect } from "node:net";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { serveLoopbackSession } from "../../src/network/index.ts";
import type { JournalEvent } from "../../src/policy/index.ts";
import { builtinProfile, resolve } from "../../src/policy/index.ts";
import { parseCapability } from "../../src/session/capability/text.ts";
import { Channel } from "../../src/session/channel.ts";
import type { ChannelOptions } from "../../src/session/channel.ts";
import { allTools, localTools } from "../../src/session/local-tools.ts";
import type { LocalTool } from "../../src/session/local-tools.ts";
import { passingMemory } from "../../src/session/store/memory-file.ts";
import { machine } from "../policy/machine.ts";

export interface OpenChannel {
  readonly channel: Channel;
  readonly token: string;
  readonly port: number;
  readonly door: { readonly name: string };
  readonly events: JournalEvent[];
  readonly ended: string[];
}

/** A channel on this machine's loopback, with the real protocol and no sandbox. */
export async function withChannel<T>(
  grants: readonly string[],
  act: (open: OpenChannel) => Promise<T>,
  { tools = [], ...more }: Partial<Omit<ChannelOptions, "tools">> & { readonly tools?: readonly LocalTool[] } = {},
): Promise<T> {
  const profile = builtinProfile(":isolated");
  if (profile === null) throw new Error("a built-in profile is missing");
  const resolved = resolve({ layers: [{ layer: "api", profile }] }, machine());
  const events: JournalEvent[] = [];
  const ended: string[] = [];
  const channel = new Channel({
    id: "s1",
    version: "0",
    resolved,
    tools: allTools([localTools(tools)]),
    answerers: [],
    mayReply: () => false,
    memory: passingMemory(),
    maxPause: 60_000,
    methods: [],
    spawner: null,
    onSummary: () => {},
    record: (event) => void events.push(event),
    ...more,
  });
  const door = { name: "one" };
  const token = channel.open(door, grants.map(parseCapability), ({ code }) => void ended.push(code));
  const served = await serveLoopbackSession(channel.protocolAt(door));
  try {
    return await act({ channel, token, port: served.port, door, events, ended });
  } finally {
    served.close();
  }
}

export interface Answer {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data: { readonly [name: string]: unknown };
  };
}

/** A client that says exactly what it is told to. */
export class Line {
  readonly socket: Socket;
  readonly answers: Answer[] = [];
  readonly #arrived = new Set<() => void>();
  closed = false;
  #id = 0;

  constructor(port: number) {
    this.socket = connect({ host: "127.0.0.1", port, noDelay: true });
    this.socket.on("error", () => {});
    this.socket.once("close", () => {
      this.closed = true;
      this.#arrived.forEach((wake) => wake());
    });
    createInterface({ input: this.socket }).on("line", (line) => {
      if (/^[[{]/.test(line)) this.answers.push(...answersIn(line));
      this.#arrived.forEach((wake) => wake());
    });
  }

  static async open(port: number, token: string): Promise<Line> {
    const line = new Line(port);
    await line.call("session.hello", { token });
    return line;
  }

  async call(method: string, params: object = {}): Promise<Answer> {
    this.#id += 1;
    const id = `t${this.#id}`;
    this.socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    return this.answerTo(id);
  }

  /** The code of the error; `ok` where there is none. */
  async code(method: string, params: object = {}): Promise<unknown> {
    const { error } = await this.call(method, params);
    return error === undefined ? "ok" : error.data["code"];
  }

  async answerTo(id: unknown): Promise<Answer> {
    await this.until(() => this.closed || this.answers.some((answer) => answer.id === id));
    const answer = this.answers.find((each) => each.id === id);
    if (answer === undefined) throw new Error(`no answer to ${String(id)}`);
    return answer;
  }

  until(isSo: () => boolean): Promise<void> {
    if (isSo()) return Promise.resolve();
    return new Promise((done) => {
      const look = (): void => {
        if (!isSo()) return;
        this.#arrived.delete(look);
        done();
      };
      this.#arrived.add(look);
    });
  }
}

/** The last line of a connection that was cut is no answer. */
function answersIn(line: string): readonly Answer[] {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it really is, the tests say
    return [JSON.parse(line)].flat() as Answer[];
  } catch {
    return [];
  }
}
