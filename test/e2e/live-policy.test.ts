import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { applyPatch, builtinProfile, prepare, readProfile, resolve, start } from "../../src/index.ts";
import type { Policy, Provenance } from "../../src/index.ts";
import { onStage } from "../stage/index.ts";
import { aSecond } from "../stage/a-second.ts";

const provenance: Provenance = { layer: "api", file: null, line: null, column: null, owner: "you" };

function allowing(...patterns: readonly string[]): Policy {
  const base = builtinProfile(":isolated");
  if (base === null) throw new Error("no :isolated");
  const domains = Object.fromEntries(patterns.map((pattern) => [pattern, "allow" as const]));
  const patch = readProfile(base.name, { network: { domains } }, () => provenance);
  return { layers: [{ layer: "api", profile: applyPatch(base, patch) }] };
}

/** Says `went` after each round on one connection kept open, `cut` when it is lost, `new`, `no` about fresh ones. */
const talk = (port: number): string => `
import socket, sys, time
def fresh():
    try:
        s = socket.create_connection(("127.0.0.1", ${port}), 5); s.settimeout(5); s.send(b"x")
        return s if s.recv(1) == b"x" else None
    except OSError:
        return None
kept = fresh()
print("new" if kept else "no", flush=True)
for line in sys.stdin:
    if line == "kept\\n":
        try:
            kept.send(b"x"); print("went" if kept.recv(1) == b"x" else "cut", flush=True)
        except OSError:
            print("cut", flush=True)
    else:
        kept = fresh(); print("new" if kept else "no", flush=True)
`;

describe("the policy of a running door", () => {
  it("can be narrowed, which cuts what is open within a second, and put back", () =>
    onStage("self", async (stage) => {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on("error", () => {});
        socket.pipe(socket);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
      const { port } = server.address() as AddressInfo;
      const wide = allowing(`127.0.0.1:${port}`);
      const prepared = await prepare({
        policy: wide,
        program: "python3",
        arguments: ["-c", talk(port)],
        script: null,
        cwd: stage.workspace,
        environment: new Map([
          ["PATH", "/usr/local/bin:/usr/bin:/bin"],
          ["HOME", stage.home],
        ]),
        workspaceRoots: null,
        workspace: "repo",
        backend: null,
        terminal: "never",
        session: { id: "live" },
      });
      const events: string[] = [];
      const journal = { append: ({ kind }: { kind: string }) => void events.push(kind), close: () => {} };
      const running = start(
        {
          streams: ["pipe", "pipe", "inherit"],
          session: { id: "live", openJournal: () => journal },
          explain: false,
          attended: false,
        },
        prepared,
      );
      const { stdin, stdout } = running.launch.streams ?? {};
      if (!stdin || !stdout) throw new Error("the program has no pipes");
      const said = createInterface({ input: stdout })[Symbol.asyncIterator]();
      const hear = async (): Promise<unknown> => (await said.next()).value;
      const ask = async (word: string): Promise<unknown> => {
        stdin.write(`${word}\n`);
        return hear();
      };
      try {
        expect([await hear(), await ask("kept"), await ask("kept")]).toEqual(["new", "went", "went"]);
        const door = await running.door();
        if (door === null) throw new Error("no door");

        const ends = [...sockets].map((socket) => new Promise((ended) => socket.once("close", ended)));
        const closed = Promise.all(ends);
        const began = performance.now();
        const { places } = prepared.resolved;
        const narrow = await door.update(resolve(allowing(), places));
        await closed;
        expect(performance.now() - began).toBeLessThan(aSecond);
        expect([await ask("kept"), await ask("fresh"), await ask("fresh")]).toEqual(["cut", "no", "no"]);

        expect(door.restore(narrow - 1)).toBe(true);
        expect([await ask("fresh"), await ask("kept")]).toEqual(["new", "went"]);
        expect(door.restore(999)).toBe(false);
        stdin.end();
        const { status, denials } = await running.outcome;
        expect(status).toBe(0);
        expect(denials).toMatchObject([{ query: { op: "connect", host: "127.0.0.1", port } }]);
        expect(events).toEqual(expect.arrayContaining(["network.allowed", "network.refused", "network.closed"]));
      } finally {
        running.launch.abort();
        server.close();
        for (const socket of sockets) socket.destroy();
      }
    }));
});
