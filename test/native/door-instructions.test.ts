import { describe, expect, it } from "vitest";
import { blockFor, open, PLAN, python } from "./door.ts";
import { remove, run, somebody, workFolder } from "./launch.ts";
import type { Words } from "./launch.ts";

describe("instructions for a door", () => {
  it.each<{ what: string; init: Words[]; without?: Words }>([
    { what: "port 0 for all addresses", init: [["listen", "tcp", "0"]] },
    { what: "a port that is none", init: [["listen", "tcp", "65536"]] },
    { what: "an unknown kind of listener", init: [["listen", "udp", "53"]] },
    { what: "nothing to dial", init: [["dial", "0"]] },
    { what: "an unknown route", init: [["route", "some"]] },
    { what: "too many listeners", init: Array.from({ length: 129 }, (_, i) => ["listen", "tcp", `${1000 + i}`]) },
    {
      what: "no network to open it in",
      init: [
        ["network", "off"],
        ["route", "all"],
      ],
      without: ["network"],
    },
    {
      what: "the host's network",
      init: [
        ["network", "full"],
        ["listen", "tcp", "80"],
      ],
      without: ["network"],
    },
    { what: "no channel", init: [["listen", "tcp", "80"]] },
  ])("with $what start nothing", async ({ init, without }) => {
    const work = workFolder(somebody);
    const { lines, out } = await run({ who: somebody, work, run: "echo ran", init, without: without ?? [] });
    expect([lines.length, out]).toEqual([1, ""]);
    expect(lines[0]).toMatch(/^failed (instructions|init) /);
    remove(work);
  });

  it("may name as many listeners as there is room for", async () => {
    const work = workFolder(somebody);
    const plan = { ...PLAN, transparentPorts: Array.from({ length: 126 }, (_, i) => 1000 + i) };
    const onLine = (line: string): void => void (line === "ready" && blockFor(50));
    const { channel, outcome } = open({ who: somebody, work, run: python("get('10.9.8.7', 1125)"), onLine }, plan);
    expect((await outcome).out).toBe("::ffff:10.9.8.7:1125\n");
    expect((await channel.door).transparent.size).toBe(126);
    remove(work);
  });
});
