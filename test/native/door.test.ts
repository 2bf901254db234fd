import type { Server, Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DoorChannel } from "../../src/sandbox/linux/door/index.ts";
import type { Door } from "../../src/sandbox/linux/door/index.ts";
import type { DoorPlan } from "../../src/sandbox/plan.ts";
import { everybody, remove, start, workFolder } from "./launch.ts";
import type { LaunchRequest, Outcome, Words } from "./launch.ts";

const PLAN: DoorPlan = { proxyPort: 3128, transparentPorts: [80, 443, 22], dns: true, published: [8080, 8081] };

/** The records a plan's door becomes. */
function records(plan: DoorPlan): readonly Words[] {
  return [
    ["route", "all"],
    ["listen", "door", `${plan.proxyPort}`],
    ...plan.transparentPorts.map((port): Words => ["listen", "tcp", `${port}`]),
    ...(plan.dns ? [["listen", "dns", "53"]] : []),
    ...plan.published.map((port): Words => ["dial", `${port}`]),
  ];
}

interface Visit {
  readonly at: string;
  readonly heard: string;
}

interface Opened {
  readonly channel: DoorChannel;
  readonly visits: readonly Visit[];
  readonly outcome: Promise<Outcome>;
}

/** Answers every connection with where it wanted to go, and every datagram with itself in capitals. */
function serve(door: Door, visits: Visit[]): void {
  const greet = (socket: Socket): void => {
    const visit = { at: `${socket.localAddress}:${socket.localPort}`, heard: "" };
    visits.push(visit);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      visit.heard += chunk.toString();
    });
    socket.end(`${visit.at}\n`);
  };
  const servers: Server[] = [door.proxy, ...door.transparent.values()].map((entrance) => entrance.serve({}, greet));
  expect(servers.every((server) => server.listening)).toBe(true);
  door.dns?.tcp.serve({}, greet);
  const datagrams = door.dns?.udp.serve((message, from) => {
    datagrams?.send(message.toString().toUpperCase(), from.port, from.address);
  });
}

function open(request: LaunchRequest, plan: DoorPlan = PLAN): Opened {
  const visits: Visit[] = [];
  const started = start({ ...request, door: true, init: [...records(plan), ...(request.init ?? [])] });
  const channel = new DoorChannel(started.child, plan, started.toInit);
  channel.door.then(
    (door) => serve(door, visits),
    () => {},
  );
  return { channel, visits, outcome: started.outcome };
}

/** One Python program for all: `get` prints what a listener says, or the error's name. */
const PYTHON = `
import errno, os, socket, sys, time
def get(host, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(10)
    begun = time.monotonic()
    try:
        s.connect((host, port))
        s.sendall(b"hello")
        print(s.makefile().readline().strip())
    except OSError as error:
        print(errno.errorcode.get(error.errno, str(error)), "late" if time.monotonic() - begun > 1 else "at once")
    sys.stdout.flush()
def ask(host, text, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.connect((host, 53))
    s.send(text)
    print(s.recv(100).decode())
`;

function python(script: string): readonly string[] {
  return ["/usr/bin/python3", "-c", PYTHON + script];
}

describe.each(everybody)("the door, started by $name", (who) => {
  let work = "";
  beforeAll(() => {
    work = workFolder(who);
  });
  afterAll(() => remove(work));

  it.each([
    { to: "an address", script: "get('93.184.216.34', 443)", at: "::ffff:93.184.216.34:443" },
    { to: "an address of the host's kind of network", script: "get('192.168.1.1', 22)", at: "::ffff:192.168.1.1:22" },
    { to: "a synthetic address", script: "get('198.18.0.7', 80)", at: "::ffff:198.18.0.7:80" },
    { to: "an IPv6 address", script: "get('2606:2800:220::1', 443, socket.AF_INET6)", at: "2606:2800:220::1:443" },
    { to: "an unnamed loopback address", script: "get('127.0.0.9', 80)", at: "::ffff:127.0.0.9:80" },
    { to: "the proxy", script: "get('127.0.0.1', 3128)", at: "127.0.0.1:3128" },
    { to: "DNS over TCP", script: "get('127.0.0.1', 53)", at: "::ffff:127.0.0.1:53" },
  ])("hears where a connection to $to wanted to go", async ({ script, at }) => {
    const { outcome, visits } = open({ who, work, run: python(script) });
    const { out, lines, err } = await outcome;
    expect([out, err, lines]).toEqual([`${at}\n`, "", ["ready", "started", "exit 0"]]);
    expect(visits.map((visit) => visit.at)).toEqual([at]);
  });
});
