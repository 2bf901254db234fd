import type { Socket } from "node:net";
import { DoorChannel } from "../../src/sandbox/linux/door/index.ts";
import type { Door } from "../../src/sandbox/linux/door/index.ts";
import type { DoorPlan } from "../../src/sandbox/plan.ts";
import { start } from "./launch.ts";
import type { Launch, LaunchRequest, Outcome, Words } from "./launch.ts";

export const PLAN: DoorPlan = {
  proxyPort: 3128,
  transparentPorts: [80, 443, 22, 5432],
  dns: true,
  published: [8080, 8081],
  trust: null,
};

/** The records that a plan's door becomes. */
export function doorRecords(plan: DoorPlan): readonly Words[] {
  return [
    ["route", "all"],
    ["listen", "door", `${plan.proxyPort}`],
    ...plan.transparentPorts.map((port): Words => ["listen", "tcp", `${port}`]),
    ...(plan.dns ? [["listen", "dns", "53"]] : []),
    ...plan.published.map((port): Words => ["dial", `${port}`]),
  ];
}

export interface Opened {
  readonly launch: Launch;
  readonly channel: DoorChannel;
  /** Where connections wanted to go, in the order they were accepted. */
  readonly visits: readonly string[];
  /** What the first process has reported so far. */
  readonly lines: Words;
  readonly outcome: Promise<Outcome>;
}

/** A launch with a door behind which everybody is told where they wanted to go, and gets datagrams back in capitals. */
export function open(request: LaunchRequest, plan: DoorPlan = PLAN): Opened {
  const visits: string[] = [];
  const lines: string[] = [];
  const onLine: LaunchRequest["onLine"] = (line, launch) => {
    lines.push(line);
    request.onLine?.(line, launch);
  };
  const started = start({ ...request, onLine, door: true, init: [...doorRecords(plan), ...(request.init ?? [])] });
  const channel = new DoorChannel(started.child, plan, started.toInit);
  channel.door.then(
    (door) => serve(door, visits),
    () => {},
  );
  return { launch: started, channel, visits, lines, outcome: started.outcome };
}

function serve(door: Door, visits: string[]): void {
  const greet = (socket: Socket): void => {
    const place = `${socket.localAddress}:${socket.localPort}`;
    visits.push(place);
    socket.on("error", () => {});
    socket.resume();
    socket.end(`${place}\n`);
  };
  for (const entrance of [door.proxy, ...door.transparent.values()]) entrance.serve({}, greet);
  door.dns?.tcp.serve({}, greet);
  const datagrams = door.dns?.udp.serve((message, from) => {
    datagrams?.send(message.toString().toUpperCase(), from.port, from.address);
  });
}

/** Nobody does anything in this process meanwhile. */
export function blockFor(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const PREAMBLE = `
import errno, os, socket, sys, time
def why(error, begun):
    return errno.errorcode.get(error.errno, str(error)) + (" late" if time.monotonic() - begun > 1 else "")
def get(host, port, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    s = socket.socket(family, kind)
    s.settimeout(10)
    begun = time.monotonic()
    try:
        s.connect((host, port))
        s.sendall(b"hello")
        print(s.recv(100).decode().strip())
    except OSError as error:
        print(why(error, begun))
    sys.stdout.flush()
def get6(host, port, kind=socket.SOCK_STREAM): get(host, port, socket.AF_INET6, kind)
def ask(host): get(host, 53, socket.AF_INET, socket.SOCK_DGRAM)
def ask6(host): get(host, 53, socket.AF_INET6, socket.SOCK_DGRAM)
`;

/** The words of a Python program with `get` and `ask`, which print what they hear, or why they hear nothing. */
export function python(script: string): Words {
  return ["/usr/bin/python3", "-c", PREAMBLE + script];
}
