import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Stage } from "../stage/index.ts";
import { stagedWorld } from "../stage/staged-world.ts";
import { noWorld } from "../stage/world.ts";
import type { World } from "../stage/world.ts";

const ALLOWED = ["--allow-domain", "good.test"];
const MEGABYTES = 100_000_000;

/** A WebSocket handshake, then a frame that comes back. */
const socketOf = (place: string, authority: string): string => `
import socket
s = socket.create_connection((${place}), 5)
s.sendall(b"GET ${authority}/chat HTTP/1.1\\r\\nHost: good.test\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n")
head = b""
while b"\\r\\n\\r\\n" not in head: head += s.recv(4096) or exit()
print(b" 101 " in head.split(b"\\r\\n")[0], b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head)
for n in range(100):
    s.sendall(b"\\x82\\x04%04d" % n)
    heard = b""
    while len(heard) < 6: heard += s.recv(6 - len(heard)) or exit()
    assert heard == b"\\x82\\x04%04d" % n
print("echoed")
`;

describe.skipIf(noWorld !== null)("much at once", () => {
  let world: World;
  let stage: Stage;
  stagedWorld((made) => ({ world, stage } = made));

  it.each([
    { way: "by the proxy", script: socketOf('"127.0.0.1", 61128', "http://good.test") },
    { way: "past it", script: socketOf('"good.test", 80', "") },
  ])("speaks WebSocket $way", ({ script }) => {
    expect(stage.python(script, ALLOWED).stdout).toBe("True True\nechoed\n");
    expect(stage.python(script, ["--allow-domain", "other.test"]).stdout).not.toContain("echoed");
  });

  it.each(["http://good.test", "https://good.test"])("carries a hundred megabytes both ways: %s", (place) => {
    const script = `for way in '' '*'; do
      curl -sS --noproxy "$way" '${place}/big?bytes=${MEGABYTES}' | wc -c
      head -c ${MEGABYTES} /dev/zero | curl -sS --noproxy "$way" -T - ${place}/count
    done`;
    const { stdout, stderr } = stage.sh(script, ALLOWED, { environment: world.trust, timeout: 60_000 });
    expect({ stdout, stderr }).toEqual({ stdout: `${MEGABYTES}\n`.repeat(4), stderr: "" });
  });

  it.each(["", "*"])("answers two hundred requests at once (no proxy for %j)", async (noproxy) => {
    const [heard, { stdout }] = await world.hearing(() =>
      stage.sh(
        `curl -sS -Z --parallel-immediate --parallel-max 200 --noproxy '${noproxy}' 'http://good.test/n/[1-200]' 'http://evil.test/n/[1-20]'`,
        ALLOWED,
      ),
    );
    const answers = new Set(stdout.match(/hello from good.test \/n\/\d+/g));
    expect(answers.size).toBe(200);
    expect(stdout).not.toContain("hello from evil.test");
    expect(heard.filter(({ kind }) => kind === "http")).toHaveLength(200);
  });

  it.each(["", "*"])("has names above the limit wait their turn (no proxy for %j)", (noproxy) => {
    const many = `curl -sS -Z --parallel-immediate --parallel-max 120 --noproxy '${noproxy}' 'http://n[1-120].wild.test/'`;
    const { stdout } = stage.sh(many, ["--allow-domain", "*.wild.test"]);
    expect(new Set(stdout.match(/hello from n\d+\.wild\.test/g)).size).toBe(120);
  });

  it("is there for a program's first instruction, run after run", () => {
    for (let run = 0; run < 8; run++) {
      const { stdout } = stage.run([
        "--allow-domain",
        "93.184.215.14:7000",
        "--",
        "bash",
        "-c",
        "exec 3<>/dev/tcp/93.184.215.14/7000; echo first >&3; read -r line <&3; echo $line",
      ]);
      expect(stdout).toBe("first\n");
    }
  });

  it("ends with the program, also for a child it left behind", async () => {
    const [heard] = await world.hearing(async () => {
      const { status } = stage.sh(
        "(sleep 0.5; setsid curl -s http://good.test/late) >/dev/null 2>&1 & exit 3",
        ALLOWED,
      );
      expect(status).toBe(3);
      await sleep(1000);
    });
    expect(heard).toEqual([]);
    const [waited] = await world.hearing(() =>
      stage.sh("(sleep 0.5; setsid curl -s http://good.test/late) >/dev/null 2>&1 & wait", ALLOWED),
    );
    expect(waited).toContainEqual(expect.objectContaining({ kind: "http", url: "/late" }));
  });

  it("waits for nobody: a run whose connections stay open ends with its program", () => {
    const before = Date.now();
    const script = `import socket\nkept = [socket.create_connection(("good.test", 7000)) for _ in range(50)]\nprint("open")`;
    expect(stage.python(script, ["--allow-domain", "good.test:7000"])).toMatchObject({ status: 0, stdout: "open\n" });
    expect(Date.now() - before).toBeLessThan(4000);
  });

  it("leaves the tool's end to its signals", async () => {
    const child = stage.start([...ALLOWED, "--", "sh", "-c", "echo up; curl -s http://good.test/; sleep 30"]);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGTERM");
    const [status, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      child.once("exit", (...ended) => resolve(ended)),
    );
    expect(status === 143 || signal === "SIGTERM").toBe(true);
  });
});
