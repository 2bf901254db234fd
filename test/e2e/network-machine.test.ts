import { execFileSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { symlinkSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { noWorld, World } from "../stage/world.ts";

/** A server that says back what it was sent, in capitals, when it was all sent; prints `up`. */
const SERVER = `
import os, socket, sys, threading
def serve(s):
    text = b""
    while part := s.recv(65536): text += part
    s.sendall(text.upper()); s.close()
def listen(s):
    while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
for place in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX if "/" in place else socket.AF_INET)
    s.bind(place if "/" in place else ("127.0.0.1", int(place)))
    s.listen(512)
    if "/" in place: os.chmod(place, 0o666)
    threading.Thread(target=listen, args=(s,), daemon=True).start()
print("up", flush=True)
sys.stdin.read()
`;

const CLIENT = `
import socket, sys
for place in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX if "/" in place else socket.AF_INET)
    try: s.connect(place if "/" in place else ("127.0.0.1", int(place)))
    except OSError as e: print("no"); continue
    try: s.sendall(b"hello"); s.shutdown(1); print(s.recv(99).decode() or "nothing")
    except OSError: print("cut")
`;

describe.skipIf(noWorld !== null).each(people)("the machine itself, as %s", (person) => {
  let world: World;
  let stage: Stage;
  const servers: ChildProcess[] = [];
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world?.stop());
  beforeEach(() => {
    stage = world.stage(person);
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.kill("SIGKILL");
    stage.remove();
  });

  const serve = async (...places: string[]): Promise<void> => {
    const server = stage.startPlain("python3", ["-c", SERVER, ...places]);
    servers.push(server);
    if (server.stdout !== null) await once(server.stdout, "data");
  };
  const inside = (words: readonly string[], ...places: string[]): string =>
    stage.run([...words, "--", "python3", "-c", CLIENT, ...places]).stdout;
  const outside = (...places: string[]): string => stage.plain("python3", ["-c", CLIENT, ...places]).stdout;

  describe.skipIf(person === "root-elsewhere")("ports of the host", () => {
    it("are reached one by one", async () => {
      await serve("5433", "5434");
      expect(outside("5433", "5434")).toBe("HELLO\nHELLO\n");
      expect(inside([], "5433")).toBe("no\n");
      expect(inside(["--host-port", "5433"], "5433", "5434")).toBe("HELLO\nno\n");
      expect(inside(["--host-port", "5433", "--host-port", "5434"], "5433", "5434")).toBe("HELLO\nHELLO\n");
      expect(inside(["--allow-domain", "good.test:5433"], "5433")).not.toContain("HELLO");
    });

    it.each(["0", "65536", "x", "127.0.0.1:80"])("are numbers: %s is none", (port) => {
      expect(stage.run(["--host-port", port, "--", "true"]).status).toBe(125);
    });
  });

  describe("sockets of the host", () => {
    it("are let in one by one", async () => {
      const [one, two] = [`${stage.outside}/s/one.sock`, `${stage.outside}/s/two.sock`];
      stage.write(`${stage.outside}/s/file`, "beside\n");
      await serve(one, two);
      expect(outside(one, two)).toBe("HELLO\nHELLO\n");
      expect(inside([], one)).toBe("no\n");
      expect(inside(["--allow-unix-socket", one], one, two)).toBe("HELLO\nno\n");
      const listing = stage.sh(`ls ${stage.outside}/s`, ["--allow-unix-socket", one]).stdout;
      expect(listing).toBe("one.sock\n");
      // Masked where the directory is shown, unless it is named.
      expect(inside(["--read", `${stage.outside}/s`], one, two)).toBe("no\nno\n");
      expect(inside(["--read", `${stage.outside}/s`, "--allow-unix-socket", two], one, two)).toBe("no\nHELLO\n");
    });

    it("are no files, however the policy names them", async () => {
      const socket = `${stage.outside}/s/one.sock`;
      stage.write(`${stage.outside}/s/file`, "beside\n");
      await serve(socket);
      for (const word of ["--read", "--write"]) {
        const { status, stderr, stdout } = stage.run([word, socket, "--", "python3", "-c", CLIENT, socket]);
        expect([status, stdout]).toEqual([125, ""]);
        expect(stderr).toContain(`${socket} is no file, but a socket`);
        expect(stderr).toContain(`--allow-unix-socket ${socket}`);
        expect(inside([word, socket, "--allow-unix-socket", socket], socket)).toBe("HELLO\n");
      }
    });

    it("are let in through a symlink, as what it leads to", async () => {
      const socket = `${stage.outside}/s/real.sock`;
      stage.write(`${stage.outside}/s/file`, "beside\n");
      await serve(socket);
      symlinkSync("s/real.sock", `${stage.outside}/link.sock`);
      expect(inside(["--allow-unix-socket", `${stage.outside}/link.sock`], socket)).toBe("HELLO\n");
    });

    it.each(["home", "workspace"] as const)("are let in where they lie in the %s", async (place) => {
      const socket = `${stage[place]}/.agent/here.sock`;
      stage.write(`${stage[place]}/.agent/file`, "beside\n");
      await serve(socket);
      expect(inside([], socket)).toBe("no\n");
      expect(inside(["--allow-unix-socket", socket], socket)).toBe("HELLO\n");
    });

    it("are let in where they lie in /tmp", async () => {
      const socket = `/tmp/sandboxed-test-${process.pid}-${person}.sock`;
      await serve(socket);
      try {
        expect(inside([], socket)).toBe("no\n");
        expect(inside(["--allow-unix-socket", socket], socket)).toBe("HELLO\n");
      } finally {
        execFileSync("rm", ["-f", socket]);
      }
    });

    it("that give the machine away are let in as dangerous alone", async () => {
      const socket = "/run/docker.sock";
      stage.plain("rm", ["-f", socket]);
      await serve(socket);
      symlinkSync(socket, `${stage.outside}/harmless.sock`);
      const words = (rule: string): readonly string[] => [
        "-c",
        'permissions.mine.extends=":isolated"',
        "-P",
        "mine",
        "-c",
        `permissions.mine.network.unix_sockets={ "${socket}" = ${rule} }`,
      ];
      expect(inside(["--allow-unix-socket", socket], socket)).not.toContain("HELLO");
      expect(inside(["--allow-unix-socket", `${stage.outside}/harmless.sock`], socket)).not.toContain("HELLO");
      expect(inside(words('"allow"'), socket)).not.toContain("HELLO");
      expect(inside(words('{ access = "allow", dangerous = true }'), socket)).toBe("HELLO\n");
    });
  });

  describe.skipIf(person === "root-elsewhere")("published ports", () => {
    const run = async (words: readonly string[], ...places: string[]): Promise<ChildProcess> => {
      const child = stage.start([...words, "--", "python3", "-c", SERVER, ...places]);
      if (child.stdout !== null) await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
      return child;
    };

    it("are reached from the host's loopback, many at once, until the run ends", async () => {
      const child = await run(["--publish", "8181:3000"], "3000", "3001");
      expect(outside("8181")).toBe("HELLO\n");
      expect(outside(...Array.from({ length: 60 }, () => "8181"))).toBe("HELLO\n".repeat(60));
      expect(outside("3000", "3001")).toBe("no\nno\n");
      const others = stage.plain("sh", [
        "-c",
        "for a in 10.1.2.3 93.184.215.14; do curl -s http://$a:8181/; echo $?; done",
      ]);
      expect(others.stdout).toBe("7\n7\n");
      child.stdin?.end();
      await once(child, "exit");
      expect(outside("8181")).toBe("no\n");
    });

    it("are as they were inside when only the port is named", async () => {
      const child = await run(["--publish", "3002"], "3002");
      expect(outside("3002")).toBe("HELLO\n");
      child.kill("SIGTERM");
      await once(child, "exit");
      expect(outside("3002")).toBe("no\n");
    });

    it("carry megabytes both ways, and half a close", async () => {
      await run(["--publish", "8182:3000"], "3000");
      const { stdout } = stage.plain("python3", [
        "-c",
        `import socket, threading
s = socket.create_connection(("127.0.0.1", 8182))
def send():
    s.sendall(b"a" * 20_000_000); s.shutdown(1)
threading.Thread(target=send).start()
n = 0
while part := s.recv(1 << 20): n += part.count(b"A")
print(n)`,
      ]);
      expect(stdout).toBe("20000000\n");
    });

    it("reset whoever comes where nobody listens inside", async () => {
      await run(["--publish", "8183:3999"], "3000");
      expect(outside("8183")).toMatch(/^(cut|nothing)\n$/);
    });

    it("that are taken on the host start nothing", async () => {
      await serve("8184");
      const { status, stdout, stderr } = stage.run(["--publish", "8184:3000", "--", "echo", "ran"]);
      expect({ status, stdout }).toEqual({ status: 125, stdout: "" });
      expect(stderr).toContain("8184");
      expect(outside("8184")).toBe("HELLO\n");
    });

    it.each(["0.0.0.0:8185:3000", "10.1.2.3:8185:3000", "0", "x"])("are of the loopback: %s is none", (text) => {
      expect(stage.run(["--publish", text, "--", "true"]).status).toBe(125);
    });

    it("let nothing out", async () => {
      const [heard] = await world.hearing(() => {
        stage.sh("curl -s http://good.test/; curl -s --noproxy '*' http://93.184.215.14/", ["--publish", "8186"]);
      });
      expect(heard).toEqual([]);
    });
  });
});
