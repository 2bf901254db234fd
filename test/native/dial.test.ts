import { once } from "node:events";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { open, python } from "./door.ts";
import { everybody, remove, somebody, workFolder } from "./launch.ts";
import type { Launch } from "./launch.ts";

/** Servers that give back what they read in capitals, after its end, so that a half-closed connection shows. */
const SERVERS = `
import threading
def answer(s):
    text = b''
    while part := s.recv(65536): text += part
    s.sendall(text.upper())
    s.close()
def listen(family, host, port, backlog=128):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.bind((host, port))
    s.listen(backlog)
    return s
def accept(s):
    while True:
        threading.Thread(target=answer, args=(s.accept()[0],), daemon=True).start()
def serve(*words):
    threading.Thread(target=accept, args=(listen(*words),), daemon=True).start()
`;

const READY = "print('up', flush=True)\nsys.stdin.read()";

async function heard(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function say(socket: Socket, text: string): Promise<string> {
  socket.end(text);
  return heard(socket);
}

/** The program has bound its ports. */
async function up({ child }: Launch): Promise<void> {
  if (child.stdout !== null) await once(child.stdout, "data");
}

describe.each(everybody)("a port dialled from outside, in a run started by $name", (who) => {
  let work = "";
  beforeAll(() => {
    work = workFolder(who);
  });
  afterAll(() => remove(work));

  const program = (script: string): ReturnType<typeof open> =>
    open({ who, work, run: python(SERVERS + script + READY), stdio: ["pipe", "pipe", "pipe"] });

  it("is the program's server, over IPv4 or IPv6, and half a close passes", async () => {
    const { channel, launch, outcome } = program(
      "serve(socket.AF_INET, '127.0.0.1', 8080)\nserve(socket.AF_INET6, '::1', 8081)\n",
    );
    await up(launch);
    expect(await say(await channel.dial(8080), "one")).toBe("ONE");
    expect(await say(await channel.dial(8081), "two")).toBe("TWO");
    const large = "x".repeat(3_000_000);
    expect(await say(await channel.dial(8080), large)).toBe(large.toUpperCase());
    launch.input?.end();
    expect((await outcome).lines.at(-1)).toBe("exit 0");
  });

  it("refuses when nobody listens, and is not asked for when the plan does not name it", async () => {
    const { channel, launch, outcome } = program("serve(socket.AF_INET, '0.0.0.0', 9090)\n");
    await up(launch);
    await expect(channel.dial(8080)).rejects.toMatchObject({ code: "ECONNREFUSED", port: 8080 });
    await expect(channel.dial(9090)).rejects.toMatchObject({ code: "EACCES", port: 9090 });
    await expect(channel.dial(3128)).rejects.toMatchObject({ code: "EACCES" });
    launch.input?.end();
    expect((await outcome).lines.at(-1)).toBe("exit 0");
  });
});

describe("the first process", () => {
  let work = "";
  beforeAll(() => {
    work = workFolder(somebody);
  });
  afterAll(() => remove(work));

  const program = (script: string): ReturnType<typeof open> =>
    open({ who: somebody, work, run: python(SERVERS + script + READY), stdio: ["pipe", "pipe", "pipe"] });

  it("dials hundreds at once, each gets its own answer", async () => {
    const { channel, launch, outcome } = program("serve(socket.AF_INET, '', 8080, 1024)\n");
    await up(launch);
    const asked = Array.from({ length: 300 }, (_, i) => `caller ${i}`);
    const answers = await Promise.all(asked.map(async (text) => say(await channel.dial(8080), text)));
    expect(answers).toEqual(asked.map((text) => text.toUpperCase()));
    launch.input?.end();
    expect((await outcome).lines.at(-1)).toBe("exit 0");
  });

  it("does not wait for a server that accepts nothing: it goes on, passes signals, and gives up in the end", async () => {
    const { channel, launch, outcome } = program(
      "serve(socket.AF_INET, '', 8081)\nidle = listen(socket.AF_INET, '127.0.0.1', 8080, 0)\n",
    );
    await up(launch);
    // The kernel completes as many as the program's queue has room for; the rest wait.
    const stuck = Array.from({ length: 6 }, () =>
      channel.dial(8080).then(
        (socket) => (socket.destroy(), "queued"),
        ({ code }) => String(code),
      ),
    );
    expect(await say(await channel.dial(8081), "meanwhile")).toBe("MEANWHILE");
    expect(new Set(await Promise.all(stuck))).toEqual(new Set(["queued", "ETIMEDOUT"]));
    launch.toInit("signal 15");
    expect((await outcome).lines.at(-1)).toBe("signal 15");
  });

  it("takes those who wait along when it ends", async () => {
    const { channel, launch, outcome } = program("idle = listen(socket.AF_INET, '127.0.0.1', 8080, 0)\n");
    await up(launch);
    const dial = async (): Promise<Socket> => (await channel.dial(8080)).on("error", () => {});
    const stuck = Promise.allSettled(Array.from({ length: 40 }, dial));
    setTimeout(() => launch.toInit("signal 9"), 100);
    expect((await outcome).lines.at(-1)).toBe("signal 9");
    const refused = (await stuck).flatMap((end) => (end.status === "rejected" ? [end.reason.code] : []));
    expect([refused.length > 30, ...new Set(refused)]).toEqual([true, "ECONNRESET"]);
    await expect(channel.dial(8080)).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it.each([
    { what: "no port", line: "dial 1" },
    { what: "no number", line: "dial x 8080" },
    { what: "a number beyond all bounds", line: "dial 99999999999999999999999999 8080" },
    { what: "a port beyond all bounds", line: "dial 1 80800" },
    { what: "more words", line: "dial 1 8080 2" },
  ])("ignores a request with $what", async ({ line }) => {
    const { channel, launch, outcome } = program("serve(socket.AF_INET, '', 8080)\n");
    await up(launch);
    launch.toInit(line);
    expect(await say(await channel.dial(8080), "fine")).toBe("FINE");
    launch.input?.end();
    expect((await outcome).lines).toEqual(["ready", "started", "exit 0"]);
  });
});
