import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blockFor, open, PLAN, python } from "./door.ts";
import { everybody, remove, somebody, start, workFolder } from "./launch.ts";
import type { Words } from "./launch.ts";

describe.each(everybody)("the door, started by $name", (who) => {
  let work = "";
  beforeAll(() => {
    work = workFolder(who);
  });
  afterAll(() => remove(work));

  it.each([
    { to: "an address", script: "get('93.184.216.34', 443)", at: "::ffff:93.184.216.34:443" },
    { to: "an address of a private network", script: "get('192.168.1.1', 22)", at: "::ffff:192.168.1.1:22" },
    { to: "a synthetic address", script: "get('198.18.0.7', 80)", at: "::ffff:198.18.0.7:80" },
    { to: "an IPv6 address", script: "get6('2606:2800:220::1', 443)", at: "2606:2800:220::1:443" },
    { to: "a link-local IPv6 address", script: "get6('fd00:ec2::254', 80)", at: "fd00:ec2::254:80" },
    { to: "an unnamed loopback address", script: "get('127.0.0.9', 80)", at: "::ffff:127.0.0.9:80" },
    { to: "the proxy", script: "get('127.0.0.1', 3128)", at: "127.0.0.1:3128" },
    { to: "DNS over TCP", script: "get('9.9.9.9', 53)", at: "::ffff:9.9.9.9:53" },
  ])("hears where a connection to $to wanted to go", async ({ script, at }) => {
    const { outcome, visits } = open({ who, work, run: python(script) });
    const { out, lines, err } = await outcome;
    expect([out, err, lines]).toEqual([`${at}\n`, "", ["ready", "started", "exit 0"]]);
    expect(visits).toEqual([at]);
  });

  it("answers datagrams from the address that was asked", async () => {
    const script = ["ask('127.0.0.1')", "ask('8.8.8.8')", "ask6('::1')"].join("\n");
    const { out } = await open({ who, work, run: python(script) }).outcome;
    expect(out).toBe("HELLO\n".repeat(3));
  });

  it("has no listener elsewhere: refused at once", async () => {
    const script =
      "get('93.184.216.34', 444)\nget6('2606:2800:220::1', 25)\nget('127.0.0.1', 8443)\nget('10.0.0.1', 3128)";
    const { outcome, visits } = open({ who, work, run: python(script) });
    expect((await outcome).out).toBe("ECONNREFUSED\n".repeat(4));
    expect(visits).toEqual([]);
  });

  it("gives the program nothing else: no descriptor, no variable", async () => {
    const script = "print(sorted(os.listdir('/proc/self/fd')), dict(os.environ))";
    const { out } = await open({ who, work, run: python(script), environment: ["A=1"] }).outcome;
    // The listing's own descriptor.
    expect(out.replace(/, 'LC_CTYPE': '[^']*'/, "")).toBe("['0', '1', '2', '3'] {'A': '1'}\n");
  });

  it("cannot be taken from the first process", async () => {
    // pidfd_open, pidfd_getfd, ptrace(PTRACE_ATTACH), process_vm_readv; the filter of these runs forbids none of them.
    const script = `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    return 'did' if libc.syscall(*words) >= 0 else errno.errorcode[ctypes.get_errno()]
def steal(pid, fds):
    pidfd = libc.syscall(434, pid, 0)
    return sorted({call(438, pidfd, fd, 0) for fd in fds})
child = os.fork()
if child == 0:
    time.sleep(30)
print(steal(child, range(0, 3)), steal(1, range(0, 100)))
print(call({'x86_64': 101, 'aarch64': 117}[os.uname().machine], 16, 1, 0, 0))
def tried(what, *words):
    try: return what(*words)
    except OSError as error: return errno.errorcode[error.errno]
def opened(path): return os.open(path, os.O_RDONLY)
print({tried(what, f'/proc/1/fd/{fd}') for fd in (0, 3, 13) for what in (os.readlink, opened)})
print({tried(os.readlink, f'/proc/1/{name}') for name in ('ns/net', 'root', 'cwd')})
os.kill(child, 9)`;
    const { out } = await open({ who, work, run: python(script) }).outcome;
    expect(out.trimEnd().split("\n")).toEqual(["['did'] ['EPERM']", "EPERM", "{'EACCES'}", "{'EACCES'}"]);
  });

  it("keeps its ports, whatever the program asks for", async () => {
    const script = `
def take(host, port, family=socket.AF_INET, options=()):
    s = socket.socket(family, socket.SOCK_STREAM)
    for option in options: s.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        s.bind((host, port))
        s.listen()
        print('held')
    except OSError as error: print(errno.errorcode[error.errno])
both = (socket.SO_REUSEADDR, socket.SO_REUSEPORT)
for options in ((), both):
    take('0.0.0.0', 5432, options=options)
    take('93.184.216.34', 5432, options=options)
    take('127.0.0.1', 3128, options=options)
    take('::1', 5432, socket.AF_INET6, options)
take('0.0.0.0', 5433)`;
    const { out } = await open({ who, work, run: python(script) }).outcome;
    expect(out).toBe(`${"EADDRINUSE\n".repeat(8)}held\n`);
  });
});

describe("without a route", () => {
  it("no address but the loopback is reached, with it every one", async () => {
    const work = workFolder(somebody);
    const script = "get('93.184.216.34', 443)\nget6('2606:2800:220::1', 443)\nget('127.0.0.1', 443)";
    const without = await open({ who: somebody, work, run: python(script), without: ["route"] }).outcome;
    expect(without.out).toBe("ENETUNREACH\nENETUNREACH\n::ffff:127.0.0.1:443\n");
    const { out } = await open({ who: somebody, work, run: python(script) }).outcome;
    expect(out).toBe("::ffff:93.184.216.34:443\n2606:2800:220::1:443\n::ffff:127.0.0.1:443\n");
    remove(work);
  });
});

describe("what leaves the namespace", () => {
  it("is nothing: sockets of the host hear no program inside", async () => {
    const work = workFolder(somebody);
    let heard = 0;
    const server = createServer((socket) => {
      heard += 1;
      socket.end("host\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    const place = server.address();
    const port = typeof place === "object" && place !== null ? place.port : 0;
    const datagrams = createSocket("udp4").on("message", () => {
      heard += 1;
    });
    await new Promise<void>((resolve) => datagrams.bind(port, "0.0.0.0", resolve));
    const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const hosts = ["127.0.0.1", ...own.flatMap(({ address, family }) => (family === "IPv4" ? [address] : []))];
    const script = hosts
      .map((host) => `get('${host}', ${port})\nget('${host}', ${port}, kind=socket.SOCK_DGRAM)`)
      .join("\n");
    const traffic = "\nprint([l.split()[0] for l in open('/proc/net/dev').readlines()[2:]])";
    const inside = await open({ who: somebody, work, run: python(script + traffic) }).outcome;
    expect(inside.out).toBe(`${"ECONNREFUSED\n".repeat(2 * hosts.length)}['lo:']\n`);
    expect(heard).toBe(0);
    // Twin: outside, the same program is heard.
    const [program = "", ...words] = python(
      `get('127.0.0.1', ${port})\nget('127.0.0.1', ${port}, kind=socket.SOCK_DGRAM)`,
    );
    spawn(program, words, { stdio: "ignore" }).on("error", () => {});
    await expect.poll(() => heard, { timeout: 10_000 }).toBe(2);
    remove(work);
    server.close();
    datagrams.close();
  });
});

// Nothing but a connect, and how long it took in microseconds.
const FIRST = `
#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(void) {
  struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(443), .sin_addr.s_addr = htonl(0x5db8d822) };
  struct timespec a, b;
  char line[100] = "";
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  clock_gettime(CLOCK_MONOTONIC, &a);
  if (connect(fd, (struct sockaddr *)&there, sizeof there) != 0) return 1;
  clock_gettime(CLOCK_MONOTONIC, &b);
  if (read(fd, line, sizeof line - 1) <= 0) return 2;
  printf("%ld %s", (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000, line);
  return 0;
}`;

describe("the program", () => {
  let work = "";
  beforeAll(() => {
    work = workFolder(somebody);
    writeFileSync(join(work, "first.c"), FIRST);
    execFileSync("cc", ["-O2", "-static", "-o", join(work, "first"), join(work, "first.c")]);
  });
  afterAll(() => remove(work));

  it.each([
    { launcher: "is idle", blocked: 0 },
    { launcher: "does something else for 200 ms", blocked: 200 },
  ])("connects with its first instruction while the launcher $launcher", async ({ blocked }) => {
    const onLine = (line: string): void => {
      // `go` has just been sent.
      if (line === "ready") blockFor(blocked);
    };
    const { out, lines } = await open({ who: somebody, work, run: [join(work, "first")], onLine }).outcome;
    const [took = "", at] = out.trim().split(" ");
    expect([at, lines.at(-1)]).toEqual(["::ffff:93.184.216.34:443", "exit 0"]);
    expect(Number(took)).toBeLessThan(100_000);
  });

  it("starts sixty times with a whole door, however busy the launcher is, and leaves nothing open", async () => {
    const before = sockets();
    const busy = setInterval(() => blockFor(20), 25);
    for (let round = 0; round < 15; round += 1) {
      const runs = Array.from({ length: 4 }, () => open({ who: somebody, work, run: [join(work, "first")] }));
      for (const { channel, outcome, visits } of runs) {
        const { transparent, dns } = await channel.door;
        expect([[...transparent.keys()], dns === null]).toEqual([PLAN.transparentPorts, false]);
        expect([(await outcome).lines.at(-1), visits.length]).toEqual(["exit 0", 1]);
      }
    }
    clearInterval(busy);
    await expect.poll(sockets).toBe(before);
  });

  it("may end before its door has come", async () => {
    const before = sockets();
    const runs = Array.from({ length: 8 }, () =>
      open({ who: somebody, work, run: ["/bin/true"], onLine: (line) => void (line === "ready" && blockFor(30)) }),
    );
    for (const { channel, outcome } of runs) {
      expect((await outcome).lines.at(-1)).toBe("exit 0");
      const end = await channel.door.then(() => "whole", String);
      expect(end).toMatch(/^whole$|ended before/);
    }
    await expect.poll(sockets).toBe(before);
  });

  it("is not started, and leaves nothing open, when its door cannot be opened", async () => {
    const before = sockets();
    const init: Words[] = [["listen", "tcp", "3128"]];
    const { channel, outcome } = open({ who: somebody, work, run: "echo ran", init });
    const { lines, out } = await outcome;
    expect([lines, out]).toEqual([["failed door 98 bind 3128: Address in use"], ""]);
    await expect(channel.door).rejects.toMatchObject({ code: "setup_failed" });
    await expect.poll(sockets).toBe(before);
  });
});

describe("the channel of the door", () => {
  let work = "";
  beforeAll(() => {
    work = workFolder(somebody);
  });
  afterAll(() => remove(work));

  it("stands beside a terminal and a pipe that the guard makes", async () => {
    const guard: Words[] = [
      ["terminal", "own"],
      ["stderr", "tee"],
    ];
    const script = "get('93.184.216.34', 443)\nprint(os.isatty(2), file=sys.stderr)";
    const init: Words[] = [["terminal", "own"]];
    const { out, heard } = await open({ who: somebody, work, run: python(script), guard, init }).outcome;
    expect(out).toMatch(/^::ffff:93\.184\.216\.34:443\r\nTrue\r\n$/);
    expect(heard).toBe(out);
  });

  it("is closed where a run has no door", async () => {
    const script = "ls /proc/self/fd | tr '\\n' ' '; read line";
    const { child, outcome, input } = start({
      who: somebody,
      work,
      run: script,
      door: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    await once(child, "disconnect");
    input?.end("\n");
    expect((await outcome).out).toBe("0 1 2 3 ");
  });

  it("may end before the run, which goes on", async () => {
    const request = { who: somebody, work, run: "read line; exit 3", stdio: ["pipe", "pipe", "pipe"] } as const;
    const { channel, launch, lines } = open(request);
    await channel.door;
    const asked = expect(channel.dial(8080)).rejects.toMatchObject({ code: "ECONNRESET" });
    launch.child.disconnect();
    await asked;
    launch.toInit("dial 7 8080");
    launch.input?.end("\n");
    // Node never calls a child closed whose channel it left itself.
    await once(launch.child, "exit");
    expect(lines.at(-1)).toBe("exit 3");
  });
});

/** How many sockets this process holds: a listener of a run would keep the run's namespace alive. */
function sockets(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch {
      return false; // that of the listing itself
    }
  }).length;
}
