import type { Readable } from "node:stream";
import type { OnOutput } from "../../mcp-server/index.ts";

/** So much of each stream is returned; the rest is read and counted. */
const MOST_KEPT = 512 * 1024;

/** So much of the newest is told while it goes on. */
const NEWEST = 200;

/** What a program writes, up to a bound. */
export class Captured {
  readonly #onOutput: OnOutput;
  readonly #kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  readonly #sizes = { stdout: 0, stderr: 0 };

  constructor(onOutput: OnOutput) {
    this.#onOutput = onOutput;
  }

  /** Settles when both have ended. */
  async read(streams: { readonly stdout: Readable; readonly stderr: Readable }): Promise<void> {
    await Promise.all((["stdout", "stderr"] as const).map((name) => this.#readOne(name, streams[name])));
  }

  text(name: "stdout" | "stderr"): string {
    return Buffer.concat(this.#kept[name]).toString("utf8");
  }

  get truncated(): boolean {
    return this.#sizes.stdout > MOST_KEPT || this.#sizes.stderr > MOST_KEPT;
  }

  #readOne(name: "stdout" | "stderr", stream: Readable): Promise<void> {
    stream.on("data", (chunk: Buffer) => {
      const room = MOST_KEPT - this.#sizes[name];
      if (room > 0) this.#kept[name].push(chunk.subarray(0, room));
      this.#sizes[name] += chunk.length;
      this.#onOutput(this.#sizes.stdout + this.#sizes.stderr, chunk.subarray(-NEWEST).toString("utf8").trimEnd());
    });
    return new Promise((resolve) => {
      for (const event of ["end", "close", "error"] as const) stream.once(event, () => resolve());
    });
  }
}
