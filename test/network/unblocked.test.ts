import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { describe, expect, it } from "vitest";
import { unblocked } from "../../src/network/serve/unblocked.ts";

const O_NONBLOCK = 0o4000;

describe.runIf(process.platform === "linux")("a listener made by another process", () => {
  it.each([
    { as: "it came", prepare: (server: Server) => server, blocks: true },
    { as: "it is served", prepare: unblocked, blocks: false },
  ])("may block as $as: $blocks", async ({ prepare, blocks }) => {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const handle: unknown = Reflect.get(server, "_handle");
    if (typeof handle !== "object" || handle === null) throw new Error("the server has no handle");
    const setBlocking: unknown = Reflect.get(handle, "setBlocking");
    if (typeof setBlocking !== "function") throw new Error("the handle cannot be made to block");
    Reflect.apply(setBlocking, handle, [true]);
    prepare(server);
    const info = readFileSync(`/proc/self/fdinfo/${String(Reflect.get(handle, "fd"))}`, "utf8");
    const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
    server.close();
    expect((flags & O_NONBLOCK) === 0).toBe(blocks);
  });
});
