import { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import type { Socket as Datagrams } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { DoorChannel } from "../../../../src/sandbox/linux/door/index.ts";
import type { DoorPlan } from "../../../../src/sandbox/plan.ts";

const plan: DoorPlan = { proxyPort: 3128, transparentPorts: [80], dns: true, published: [8080], trust: null };

const opened: (Server | Datagrams)[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close(() => {});
});

async function listener(): Promise<Server> {
  const server = createServer();
  opened.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

async function datagrams(): Promise<Datagrams> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket;
}

function portOf(server: Server): number {
  const place = server.address();
  return typeof place === "object" && place !== null ? place.port : 0;
}

/** A process that was never started, with a channel all the same. */
class Guard extends ChildProcess {
  override readonly connected = true;
  readonly asked: string[] = [];

  says(message: object, handle?: object): void {
    this.emit("message", message, handle);
  }
}

function guarded(): { readonly guard: Guard; readonly channel: DoorChannel } {
  const guard = new Guard();
  return { guard, channel: new DoorChannel(guard, plan, (line) => guard.asked.push(line)) };
}

/** What arrives in a run with that plan, in order. */
async function arrivals(): Promise<readonly (readonly [message: object, handle: Server | Datagrams])[]> {
  return [
    [{ entrance: "door", port: 3128 }, await listener()],
    [{ entrance: "tcp", port: 80 }, await listener()],
    [{ entrance: "dns-udp", port: 53 }, await datagrams()],
    [{ entrance: "dns-tcp", port: 53 }, await listener()],
  ];
}

describe("a door", () => {
  it("is whole when everything asked for has come, and serves what came before", async () => {
    const { guard, channel } = guarded();
    const all = await arrivals();
    for (const [message, handle] of all) guard.says(message, handle);
    const [, , [, udp] = []] = all;
    const client = createSocket("udp4");
    opened.push(client);
    if (udp !== undefined && "bind" in udp) client.send("early", udp.address().port, "127.0.0.1");
    await new Promise((resolve) => setTimeout(resolve, 50));
    guard.says({ entrances: 4 });
    const door = await channel.door;
    expect([door.proxy.port, [...door.transparent.keys()]]).toEqual([3128, [80]]);
    const answers = door.dns?.udp.serve((message, from) => {
      answers?.send(`${message.toString()} answer`, from.port, from.address);
    });
    const [answer] = await once(client, "message");
    expect(String(answer)).toBe("early answer");
    channel.close();
  });

  it("lets each connection end one way at a time, and accepts none when closed", async () => {
    const { guard, channel } = guarded();
    const all = await arrivals();
    for (const [message, handle] of all) guard.says(message, handle);
    guard.says({ entrances: 4 });
    const { proxy } = await channel.door;
    const server = proxy.serve({}, (socket) => {
      socket.resume().on("end", () => setTimeout(() => socket.end("after your end"), 20));
    });
    const port = portOf(server);
    const client = connect(port, "127.0.0.1");
    client.end("all I have");
    const [text] = await once(client, "data");
    expect(String(text)).toBe("after your end");
    channel.close();
    const [error] = await once(connect(port, "127.0.0.1"), "error");
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
  });

  it.each<{ what: string; change: (all: (readonly [object, (Server | Datagrams)?])[]) => void }>([
    { what: "a listener is missing", change: (all) => void all.splice(1, 1) },
    { what: "DNS is missing", change: (all) => void all.splice(2, 1) },
    {
      what: "a listener came twice",
      change: (all) => void all.push([{ entrance: "tcp", port: 80 }, all[1]?.[1] ?? createServer()]),
    },
    { what: "a descriptor was lost", change: (all) => void (all[1] = [{ entrance: "tcp", port: 80 }]) },
    { what: "a message is none", change: (all) => void all.push([{ surprise: 1 }]) },
  ])("stays shut as a whole when $what", async ({ change }) => {
    const { guard, channel } = guarded();
    const all: (readonly [object, (Server | Datagrams)?])[] = [...(await arrivals())];
    const [[, proxy] = []] = all;
    const port = proxy !== undefined && "listening" in proxy ? portOf(proxy) : 0;
    change(all);
    for (const [message, handle] of all) guard.says(message, handle);
    guard.says({ entrances: 4 });
    await expect(channel.door).rejects.toMatchObject({ code: "setup_failed" });
    const [error] = await once(connect(port, "127.0.0.1"), "error");
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
    await expect(channel.dial(8080)).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it("is told when the run ends first", async () => {
    const { guard, channel } = guarded();
    const dialled = expect(channel.dial(8080)).rejects.toMatchObject({ code: "ECONNRESET" });
    guard.emit("disconnect");
    await expect(channel.door).rejects.toThrow(/ended before/);
    await dialled;
  });
});

describe("dialling", () => {
  async function connected(): Promise<Socket> {
    const server = await listener();
    const socket = connect(portOf(server), "127.0.0.1");
    await once(socket, "connect");
    return socket;
  }

  it("pairs answers with questions, in whatever order they come", async () => {
    const { guard, channel } = guarded();
    const [one, two] = [channel.dial(8080), channel.dial(8081)];
    expect(guard.asked).toEqual(["dial 1 8080", "dial 2 8081"]);
    const socket = await connected();
    guard.says({ dial: 2 }, socket);
    guard.says({ dial: 1, errno: 111 });
    await expect(one).rejects.toMatchObject({ name: "DialError", code: "ECONNREFUSED", port: 8080 });
    expect(await two).toBe(socket);
    expect(socket.allowHalfOpen).toBe(true);
    socket.destroy();
  });

  it("asks for 32 at a time, the others when these are done", () => {
    const { guard, channel } = guarded();
    const all = Array.from({ length: 40 }, () => channel.dial(8080).catch(() => {}));
    expect(guard.asked).toHaveLength(32);
    guard.says({ dial: 5, errno: 111 });
    expect(guard.asked).toHaveLength(33);
    channel.close();
    return Promise.all(all);
  });

  it("drops a connection that nobody asked for", async () => {
    const { guard } = guarded();
    const socket = await connected();
    guard.says({ dial: 9 }, socket);
    expect(socket.destroyed).toBe(true);
  });
});
