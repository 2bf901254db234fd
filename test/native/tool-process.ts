import { buildSync } from "esbuild";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { native } from "./launch.ts";
import type { LaunchRequest } from "./launch.ts";

let count = 0;

/** `tool.ts` as one program that plain node runs, and its requests, in a folder of their own. */
export class Tool {
  readonly #folder = mkdtempSync(join(tmpdir(), "native-tool-"));
  readonly #program = join(this.#folder, "tool.mjs");

  constructor() {
    chmodSync(this.#folder, 0o755);
    buildSync({
      entryPoints: [join(import.meta.dirname, "tool.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: this.#program,
      // It takes the programs this process uses, and builds none.
      banner: { js: `process.env.SANDBOXED_TEST_TOOL = ${JSON.stringify(join(native, "../.."))};` },
      define: { "import.meta.dirname": JSON.stringify(import.meta.dirname) },
    });
  }

  /** The words of a command that makes this launch, with what the init reports noted in a file. */
  command(
    request: Omit<LaunchRequest, "seccomp" | "stdio"> & { readonly note?: string },
  ): readonly [string, string, string] {
    const file = join(this.#folder, `request-${count++}`);
    writeFileSync(file, JSON.stringify({ native, ...request }));
    return [process.execPath, this.#program, file];
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
