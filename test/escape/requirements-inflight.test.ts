import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RequiringMachine } from "../stage/required.ts";

/** Answers each byte with itself; notes when it heard one last. */
class Echo {
  heard = 0;
  last = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => {
    this.#sockets.add(socket);
    socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
    socket.on("data", ({ length }) => {
      this.heard += length;
      this.last = performance.now();
    });
    socket.pipe(socket);
  });

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get port(): number {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

let machine: RequiringMachine;
const forbidden = new Echo();
const free = new Echo();

beforeAll(async () => {
  machine = new RequiringMachine();
  await Promise.all([forbidden.listen(), free.listen()]);
});

afterAll(() => {
  machine.remove();
  forbidden.close();
  free.close();
});

/** Processes that connect anew without end, through the proxy and past it, and fork others that do so at once; and some that keep what they have. */
const swarm = (ports: readonly number[]): string => `
import os, socket, time
ports, end = ${JSON.stringify(ports)}, time.time() + 30
def goes_on(): return time.time() < end and not os.path.exists("over")
proxy = os.environ["HTTP_PROXY"].rsplit("@")[-1].split("//")[-1].strip("/").split(":")
def opened(port, by_proxy):
    s = socket.create_connection((proxy[0], int(proxy[1])) if by_proxy else ("127.0.0.1", port), 1); s.settimeout(1)
    if by_proxy:
        s.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\\r\\nHost: 127.0.0.1:%d\\r\\n\\r\\n" % (port, port))
        if b" 200 " not in s.recv(4096): raise OSError
    return s
def say(s):
    s.sendall(b"x")
    if s.recv(1) != b"x": raise OSError
def once(port, by_proxy):
    try:
        with opened(port, by_proxy) as s: say(s)
    except OSError: time.sleep(0.01)
def keep(port, by_proxy):
    while goes_on():
        try:
            s = opened(port, by_proxy)
            while goes_on(): say(s); time.sleep(0.005)
        except OSError: time.sleep(0.01)
def anew(port, by_proxy):
    while goes_on():
        once(port, by_proxy)
        if os.fork() == 0: once(port, by_proxy); os._exit(0)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]: pass
        except ChildProcessError: pass
        time.sleep(0.02)
for act in keep, anew, anew:
    for port in ports:
        for by_proxy in False, True:
            if os.fork() == 0: act(port, by_proxy); os._exit(0)
try:
    while True: os.wait()
except ChildProcessError: pass
`;

describe("requirements that narrow while a swarm of processes opens connections", () => {
  it("let none through within a second, through the proxy or past it, and leave what stays allowed", async () => {
    const ports = [forbidden.port, free.port];
    machine.require("# nothing\n");
    const words = ports.flatMap((port) => ["--host-port", String(port)]);
    const child = machine.stage.start([...words, "--", "python3", "-c", swarm(ports)]);
    const ended = once(child, "close");
    await expect
      .poll(() => Math.min(forbidden.heard, free.heard), { timeout: 10_000, interval: 10 })
      .toBeGreaterThan(200);
    const changed = performance.now();
    machine.require(`[network]\ndenied_domains = ["127.0.0.1:${forbidden.port}"]\n`);
    await sleep(2500);
    machine.stage.write("over", "");
    await ended;
    expect(child.exitCode).toBe(0);
    expect(forbidden.last - changed).toBeLessThan(1500);
    expect(free.last - changed).toBeGreaterThan(1500);
  });
});
