import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConfigFlags } from "../../src/config/index.ts";
import { baseline, hosts, unheld } from "../requirements/baseline.ts";
import { people } from "../stage/index.ts";
import { RequiringMachine } from "../stage/required.ts";
import { noWorld, World } from "../stage/world.ts";

/** Without a sandbox programs of root could change the tool itself, which is refused. */
const person = people.includes("ordinary") ? "ordinary" : "self";

let world: World;
let machine: RequiringMachine;

beforeAll(async () => {
  if (noWorld !== null) return;
  world = await World.start();
  machine = new RequiringMachine(person, world);
});

afterAll(() => {
  machine?.remove();
  world?.stop();
});

/** Each host by the proxy, and past it. */
const FETCH = `
import http.client, sys, urllib.request
def asked(host): return urllib.request.urlopen(f"http://{host}/", timeout=5).read()
def direct(host):
    connection = http.client.HTTPConnection(host, timeout=5)
    connection.request("GET", "/")
    answer = connection.getresponse()
    if answer.status != 200: raise OSError(answer.status)
    return answer.read()
for host in sys.argv[1:]:
    for way in (asked, direct):
        try: print(host, way.__name__, b"hello from" in way(host))
        except OSError: print(host, way.__name__, "refused")
`;

function wordsOf({ permissions, network, allowDomain = [], denyDomain = [] }: Partial<ConfigFlags>): readonly string[] {
  return [
    ...(permissions === null || permissions === undefined ? [] : ["-P", permissions]),
    ...(network === null || network === undefined ? [] : ["--network", network]),
    ...allowDomain.flatMap((host) => ["--allow-domain", host]),
    ...denyDomain.flatMap((host) => ["--deny-domain", host]),
  ];
}

describe.skipIf(noWorld !== null)("the network baseline at the door", () => {
  it.each(baseline)("%s", async (name, system, flags, reached) => {
    machine.require(`[network]\n${system}\n`);
    const words = [...wordsOf(flags), "--", "python3", "-c", FETCH, ...hosts];
    const [heard, { stdout, stderr }] = await world.hearing(() => machine.stage.run(words));
    const expected = hosts.flatMap((host) => {
      const says = reached.includes(host) ? "True" : "refused";
      return [`${host} asked ${says}\n`, `${host} direct ${says}\n`];
    });
    if (unheld.has(name)) {
      expect([stdout, heard]).toEqual(["", []]);
      expect(stderr).toMatch(
        /requirements\.toml:2\) cannot be held while the network is full\n.*up to the administrator/,
      );
      return;
    }
    expect(stdout).toBe(expected.join(""));
    // What the servers heard is the other half of it: nobody was asked about what is refused, not even by name.
    const named = heard.flatMap((one) => (one.kind === "dns" ? [one.name] : one.kind === "http" ? [one.host] : []));
    expect(hosts.filter((host) => named.includes(host))).toEqual(reached);
  });
});
