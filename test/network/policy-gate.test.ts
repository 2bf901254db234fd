import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolve } from "../../src/policy/index.ts";
import type { Layer, RawProfile, ResolvedPolicy } from "../../src/policy/index.ts";
import type { Answer, Passage, Protocol, Target } from "../../src/network/decide/gate.ts";
import { makeGate } from "../../src/network/decide/policy-gate.ts";
import type { GateOptions, PolicyGate } from "../../src/network/decide/policy-gate.ts";
import { makeResolver } from "../../src/network/names/resolver.ts";
import type { NameResolver } from "../../src/network/names/resolver.ts";
import { parseBareHost } from "../../src/network/names/authority.ts";
import { machine, profile } from "../policy/machine.ts";
import { startDnsServer, zoneOf } from "./dns-server.ts";
import type { TestDnsServer } from "./dns-server.ts";

type Network = NonNullable<RawProfile["network"]>;

function policy(
  network: Network,
  layer: Layer = "user",
  more: readonly (readonly [Network, Layer])[] = [],
): ResolvedPolicy {
  const layers = [[network, layer] as const, ...more].map(([one, of]) => ({
    layer: of,
    profile: profile({ network: one }, of),
  }));
  return resolve({ layers }, machine());
}

function restricted(domains: NonNullable<Network["domains"]>, http: NonNullable<Network["http"]> = {}): ResolvedPolicy {
  return policy({ mode: "restricted", domains, http });
}

let server: TestDnsServer;
let resolver: NameResolver;

beforeEach(async () => {
  server = await startDnsServer(
    zoneOf([
      "A good.test 93.184.216.34",
      "AAAA good.test 2606:4700::1",
      "A evil.test 93.184.216.35",
      "A mixed.test 93.184.216.34",
      "A mixed.test 127.0.0.1",
      "A late.test 93.184.216.34",
      "AAAA late.test ::1",
      "A corp.test 10.1.2.3",
      "A other.test 192.168.1.1",
      "A meta.test 169.254.169.254",
      "A azure.test 168.63.129.16",
      "A any.test 0.0.0.0",
      "A shared.test 100.64.0.1",
      "A bench.test 198.18.0.1",
      "A multi.test 224.0.0.1",
      "A local.test 169.254.1.1",
      "AAAA nat.test 64:ff9b::a9fe:a9fe",
      "AAAA nat8.test 64:ff9b::808:808",
      "AAAA six.test 2002:7f00:1::",
      "AAAA ula.test fd00::1",
      "AAAA mapped.test ::ffff:127.0.0.1",
      "CNAME alias.test evil.test",
      "CNAME inward.test corp.test",
    ]),
  );
  resolver = makeResolver({ servers: [server.address], timeout: 1500 });
});
afterEach(() => {
  resolver.close();
  server.close();
});

function gate(of: ResolvedPolicy, more: Partial<GateOptions> = {}): PolicyGate {
  return makeGate({ policy: of, resolver, ...more });
}

function target(text: string, port = 443): Target {
  const parsed = parseBareHost(text, port);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.fault}`);
  return parsed.value;
}

function reason(answer: Answer<unknown>): string {
  return answer.ok ? "ok" : answer.refusal.reason;
}

async function passage(from: PolicyGate, to: Target, protocol: Protocol = "https"): Promise<Passage> {
  const answer = await from.admit(to, protocol);
  if (!answer.ok) throw new Error(answer.refusal.message);
  return answer.value;
}

/** Both steps, as the door takes them: addresses, or the reason. */
async function reached(from: PolicyGate, to: Target): Promise<readonly string[] | string> {
  const admitted = await from.admit(to, "https");
  if (!admitted.ok) return admitted.refusal.reason;
  const located = await from.locate(admitted.value, "https");
  return located.ok ? located.value.map(({ address }) => address) : located.refusal.reason;
}

describe("a name that waits for its turn to be looked up", () => {
  /** Two lookups behind another, and what became of them under a policy that changed while they waited. */
  const turn = async (after: ResolvedPolicy): Promise<{ readonly https: unknown; readonly http: unknown }> => {
    const slow = makeResolver({ servers: [server.address], timeout: 1500, lookupsPerSecond: 1 });
    try {
      const from = makeGate({ policy: restricted({ "good.test": "allow", "evil.test": "allow" }), resolver: slow });
      const first = reached(from, target("good.test"));
      const second = reached(from, target("evil.test"));
      const third = reached(from, target("evil.test", 80));
      await first;
      from.update(after);
      return { https: await second, http: await third };
    } finally {
      slow.close();
    }
  };
  const address = ["93.184.216.35"];

  const seen = (): readonly string[] => server.seen.filter((question) => question.endsWith("evil.test"));

  it.each([
    ["of nobody when it was forbidden meanwhile", "good.test", "network_not_allowed", "network_not_allowed", 0],
    ["when somebody who waits still may", "evil.test:80", "network_not_allowed", address, 2],
    ["when another was forbidden", "evil.test", address, address, 2],
  ])("is asked %s", async (_, left, https, http, questions) => {
    expect(await turn(restricted({ [left]: "allow" }))).toEqual({ https, http });
    expect(seen()).toHaveLength(questions);
  });
});

describe("a name", () => {
  const names = restricted(
    Object.fromEntries(
      "good mixed late corp other meta azure any shared bench multi local nat nat8 six ula mapped alias inward gone"
        .split(" ")
        .map((name) => [`${name}.test`, "allow" as const]),
    ),
  );
  it.each<readonly [string, readonly string[] | string]>([
    ["good.test", ["93.184.216.34", "2606:4700::1"]],
    ["alias.test", ["93.184.216.35"]],
    ["mixed.test", "private_address"],
    ["late.test", "private_address"],
    ["corp.test", "private_address"],
    ["inward.test", "private_address"],
    ["other.test", "private_address"],
    ["meta.test", "private_address"],
    ["azure.test", "private_address"],
    ["any.test", "private_address"],
    ["shared.test", "private_address"],
    ["bench.test", "private_address"],
    ["multi.test", "private_address"],
    ["local.test", "private_address"],
    ["nat.test", "private_address"],
    ["nat8.test", "private_address"],
    ["six.test", "private_address"],
    ["ula.test", "private_address"],
    ["mapped.test", "private_address"],
    ["gone.test", "resolve_failed"],
    ["evil.test", "network_not_allowed"],
  ])("%s", async (name, expected) => {
    expect(await reached(gate(names), target(name))).toEqual(expected);
  });

  it("that is refused is never looked up, in whatever way it is refused", async () => {
    const secret = "data-to-carry-out.evil.test";
    const off = policy({ mode: "off", domains: { "**.evil.test": "allow" } });
    const denied = policy({ mode: "full", domains: { "**.evil.test": "deny" } });
    for (const one of [names, off, denied])
      expect(await reached(gate(one), target(secret))).toMatch(/^network_|^denied_by_rule$/);
    const asked = gate(names, { decideMiss: async () => "deny" });
    expect(await reached(asked, target(secret))).toBe("network_not_allowed");
    const changed = gate(restricted({ "**.evil.test": "allow" }));
    const open = await passage(changed, target(secret));
    changed.update(names);
    expect(reason(await changed.locate(open, "https"))).toBe("network_not_allowed");
    expect(server.seen).toEqual([]);
    expect(await reached(gate(restricted({ "**.evil.test": "allow" })), target(secret))).toBe("resolve_failed");
    expect(server.seen.length).toBeGreaterThan(0);
  });

  it.each<readonly [string, readonly string[], readonly string[] | string]>([
    ["corp.test", ["10.0.0.0/8"], ["10.1.2.3"]],
    ["corp.test", ["10.1.2.3"], ["10.1.2.3"]],
    ["corp.test", ["10.2.0.0/16"], "private_address"],
    ["inward.test", ["10.0.0.0/8"], ["10.1.2.3"]],
    ["mixed.test", ["127.0.0.1"], ["93.184.216.34", "127.0.0.1"]],
    ["good.test", ["10.0.0.0/8"], ["93.184.216.34", "2606:4700::1"]],
    ["ula.test", ["fd00::/8"], ["fd00::1"]],
    ["meta.test", ["169.254.169.254", "169.254.0.0/16", "0.0.0.0/0"], "private_address"],
    ["azure.test", ["168.63.129.16"], "private_address"],
    ["nat8.test", ["64:ff9b::/96"], ["64:ff9b::808:808"]],
    ["nat.test", ["64:ff9b::/96", "169.254.0.0/16"], "private_address"],
    ["six.test", ["2002::/16"], "private_address"],
    ["six.test", ["2002::/16", "127.0.0.0/8"], ["2002:7f00:1::"]],
    ["localhost", ["127.0.0.1", "::1"], ["127.0.0.1", "::1"]],
    ["localhost", ["127.0.0.1"], "private_address"],
    ["app.localhost", ["127.0.0.0/8", "::1"], ["127.0.0.1", "::1"]],
  ])("%s with resolve_to %j", async (name, resolveTo, expected) => {
    const one = restricted({ [name]: { access: "allow", resolve_to: resolveTo } });
    const answer = await reached(gate(one), target(name));
    // Which of two records comes first is the server's matter.
    expect(typeof answer === "string" ? answer : answer.toSorted()).toEqual(
      typeof expected === "string" ? expected : expected.toSorted(),
    );
    if (name.endsWith("localhost")) expect(server.seen).toEqual([]);
  });

  it("of the service that hands out credentials is refused before anybody is asked", async () => {
    const one = restricted({ "**.google.internal": { access: "allow", resolve_to: ["169.254.0.0/16"] } });
    expect(await reached(gate(one), target("metadata.google.internal", 80))).toBe("private_address");
    expect(server.seen).toEqual([]);
    expect(await reached(gate(one), target("x.google.internal", 80))).toBe("resolve_failed");
  });

  it("that cannot be resolved is told from one that takes too long", async () => {
    const silent = await startDnsServer(() => null);
    const slow = makeResolver({ servers: [silent.address], timeout: 150 });
    const found = makeGate({ policy: names, resolver: slow });
    const answer = await found.locate(await passage(found, target("good.test")), "https");
    expect(answer).toMatchObject({ ok: false, refusal: { status: 504, reason: "resolve_timed_out" } });
    slow.close();
    silent.close();
    const failing = await gate(names).locate(await passage(gate(names), target("gone.test")), "https");
    expect(failing).toMatchObject({ ok: false, refusal: { status: 502, reason: "resolve_failed" } });
  });

  it("says how it could be allowed", async () => {
    const found = gate(names);
    const answer = await found.locate(await passage(found, target("corp.test")), "https");
    expect(answer).toMatchObject({
      ok: false,
      refusal: {
        status: 403,
        message: "corp.test leads to 10.1.2.3, which is no public address (private), and no rule names it as such",
        decision: {
          effect: "deny",
          suggestion: {
            config:
              '[permissions.NAME.network] domains = { "corp.test" = { access = "allow", resolve_to = ["10.1.2.3"] } }',
          },
        },
      },
    });
  });
});

describe("a literal address", () => {
  const one = restricted({
    "93.184.216.0/24": "allow",
    "0.0.0.0/0": "allow",
    "::/0": "allow",
    "10.1.0.0/16": "allow",
    "127.0.0.1:5432": "allow",
    "169.254.169.254:80": "allow",
    "169.254.0.0/16:8080": "allow",
    "[64:ff9b::/96]:443": "allow",
    "[64:ff9b::a00:1]:8443": "allow",
    "good.test": "allow",
  });
  it.each<readonly [string, number, readonly string[] | string]>([
    ["93.184.216.34", 443, ["93.184.216.34"]],
    ["8.8.8.8", 443, ["8.8.8.8"]],
    ["2606:4700::1", 443, ["2606:4700::1"]],
    ["10.1.2.3", 443, ["10.1.2.3"]],
    ["::ffff:10.1.2.3", 443, ["10.1.2.3"]],
    ["10.2.2.3", 443, "private_address"],
    ["127.0.0.1", 5432, ["127.0.0.1"]],
    ["127.0.0.2", 443, "private_address"],
    ["127.0.0.1", 443, "private_address"],
    ["0.0.0.0", 443, "private_address"],
    ["::1", 443, "private_address"],
    ["169.254.169.254", 80, ["169.254.169.254"]],
    ["169.254.169.254", 443, "private_address"],
    ["169.254.169.254", 8080, "private_address"],
    ["169.254.1.1", 8080, ["169.254.1.1"]],
    ["64:ff9b::808:808", 443, ["64:ff9b::808:808"]],
    ["64:ff9b::a00:1", 443, "private_address"],
    ["64:ff9b::a00:1", 8443, ["64:ff9b::a00:1"]],
    ["2002:7f00:1::", 443, "private_address"],
    ["198.18.0.1", 443, "private_address"],
    ["8.8.8.8", 22, "network_not_allowed"],
    ["127.0.0.1", 22, "private_address"],
  ])("%s port %i", async (address, port, expected) => {
    expect(await reached(gate(one), target(address, port))).toEqual(expected);
    expect(server.seen).toEqual([]);
  });

  it("that serves an allowed name is not allowed by that", async () => {
    expect(await reached(gate(restricted({ "good.test": "allow" })), target("93.184.216.34"))).toBe(
      "network_not_allowed",
    );
  });

  it("of the own machine is refused with everything allowed, and reached where it is named", async () => {
    const wide = gate(policy({ mode: "full" }));
    expect(await reached(wide, target("127.0.0.1", 80))).toBe("private_address");
    expect(await reached(wide, target("8.8.8.8", 22))).toEqual(["8.8.8.8"]);
    const named = gate(policy({ mode: "full", domains: { "127.0.0.1": "allow" } }));
    expect(await reached(named, target("127.0.0.1", 80))).toEqual(["127.0.0.1"]);
  });
});

describe("a refusal of an address that is not public", () => {
  it.each<readonly [string, Network, string, string, string | null]>([
    [
      "a name that a rule lets pass",
      { mode: "restricted", domains: { "corp.test": "allow" } },
      "corp.test",
      '"corp.test" = "allow", but it leads to 10.1.2.3, no public address (private)',
      "config.toml",
    ],
    [
      "an address by itself",
      { mode: "restricted", domains: {} },
      "10.1.2.3",
      'mode = "restricted", but it is no public address (private)',
      "config.toml",
    ],
  ])("%s: says which rule is not enough, and why", async (_, network, host, text, file) => {
    const of = gate(policy(network));
    const admitted = await of.admit(target(host), "https");
    const refused = admitted.ok ? await of.locate(admitted.value, "https") : admitted;
    const decision = refused.ok ? null : refused.refusal.decision;
    expect([decision?.rule?.text, decision?.provenance?.file ?? null]).toEqual([text, file]);
  });
});

describe("a miss", () => {
  const none = restricted({ "good.test": "allow", "denied.test": "deny" });
  const counting = (
    answer: "allow" | "deny" | "timeout",
  ): { asked: string[]; decideMiss: GateOptions["decideMiss"] & object } => {
    const asked: string[] = [];
    return {
      asked,
      decideMiss: async ({ host, port }) => {
        asked.push(`${host}:${port}`);
        return answer;
      },
    };
  };

  it("is asked about, and what is answered holds", async () => {
    const { asked, decideMiss } = counting("allow");
    const found = gate(none, { decideMiss });
    expect(await reached(found, target("evil.test"))).toEqual(["93.184.216.35"]);
    expect(asked).toEqual(["evil.test:443"]);
    const open = await passage(found, target("evil.test"));
    expect(open.decision).toMatchObject({ effect: "allow", provenance: { layer: "grant" } });
  });

  it.each([
    ["deny", "network_not_allowed"],
    ["timeout", "not_asked"],
  ] as const)("that is answered with %s is refused", async (answer, expected) => {
    expect(await reached(gate(none, { decideMiss: counting(answer).decideMiss }), target("evil.test"))).toBe(expected);
    expect(server.seen).toEqual([]);
  });

  it("about which asking fails is refused", async () => {
    const rejecting = gate(none, { decideMiss: () => Promise.reject(new Error("gone")) });
    const throwing = gate(none, {
      decideMiss: () => {
        throw new Error("gone");
      },
    });
    const odd = gate(none, { decideMiss: async () => JSON.parse('"yes"') });
    for (const one of [rejecting, throwing, odd]) expect(await reached(one, target("evil.test"))).toBe("not_asked");
  });

  it("is asked about once for all who want the same at the same time", async () => {
    const { asked, decideMiss } = counting("allow");
    const found = gate(none, { decideMiss });
    await Promise.all([1, 2, 3].map(() => found.admit(target("evil.test"), "https")));
    await found.admit(target("evil.test", 80), "http");
    expect(asked).toEqual(["evil.test:443", "evil.test:80"]);
    await found.admit(target("evil.test"), "https");
    expect(asked).toHaveLength(3);
  });

  it("is one of a bounded number of questions", async () => {
    let open = 0;
    const found = gate(none, { decideMiss: () => (open++, new Promise<never>(() => undefined)) });
    const all = Array.from({ length: 40 }, (_, index) => found.admit(target(`n${index}.test`), "https"));
    const settled = await Promise.race([
      Promise.all(all.slice(32)),
      new Promise<null>((done) => void setTimeout(done, 500, null)),
    ]);
    expect(open).toBe(32);
    expect(settled?.map(reason)).toEqual(Array.from({ length: 8 }, () => "limit"));
  });

  it.each<readonly [string, ResolvedPolicy, Target, string]>([
    ["a denial", none, target("denied.test"), "denied_by_rule"],
    ["a private address", none, target("10.0.0.1"), "private_address"],
    ["the own machine", none, target("127.0.0.1", 22), "private_address"],
    ["a service that hands out credentials", none, target("169.254.169.254", 80), "private_address"],
    ["its name", none, target("metadata.google.internal", 80), "private_address"],
    ["a network that is off", policy({ mode: "off" }), target("evil.test"), "network_off"],
    [
      "what the organisation does not list",
      policy({ mode: "restricted" }, "requirements"),
      target("evil.test"),
      "network_not_allowed",
    ],
    [
      "what the organisation does not list either",
      policy({ mode: "restricted" }, "user", [[{ mode: "restricted" }, "requirements"]]),
      target("evil.test"),
      "network_not_allowed",
    ],
    [
      "what the project denies",
      policy({ mode: "restricted" }, "user", [[{ mode: "full", domains: { "evil.test": "deny" } }, "project"]]),
      target("evil.test"),
      "denied_by_rule",
    ],
  ])("is not %s", async (_, one, to, expected) => {
    const { asked, decideMiss } = counting("allow");
    expect(await reached(gate(one, { decideMiss }), to)).toBe(expected);
    expect(asked).toEqual([]);
  });

  it("that was allowed leads to no private address all the same", async () => {
    const { asked, decideMiss } = counting("allow");
    expect(await reached(gate(none, { decideMiss }), target("corp.test"))).toBe("private_address");
    expect(asked).toEqual(["corp.test:443"]);
  });

  it("gets an address that stands for it without a question, so that the connection can be asked about", async () => {
    const { asked, decideMiss } = counting("deny");
    const dns = (one: PolicyGate, name: string) => one.admit(target(name, 0), "dns");
    expect(await dns(gate(none, { decideMiss }), "evil.test")).toMatchObject({
      ok: true,
      value: { decision: { effect: "ask" } },
    });
    expect(reason(await dns(gate(none, { decideMiss }), "denied.test"))).toBe("denied_by_rule");
    expect(reason(await dns(gate(none), "evil.test"))).toBe("network_not_allowed");
    expect(reason(await dns(gate(none), "good.test"))).toBe("ok");
    expect(asked).toEqual([]);
  });

  it("is decided by the policy that is in force when the answer comes", async () => {
    let answer: (word: "allow") => void = () => undefined;
    const decideMiss = () =>
      new Promise<"allow">((resolved) => {
        answer = resolved;
      });
    const found = gate(none, { decideMiss });
    for (const [next, expected] of [
      [restricted({ "evil.test": "deny" }), "denied_by_rule"],
      [policy({ mode: "off" }), "network_off"],
      [restricted({}), "ok"],
    ] as const) {
      found.update(none);
      const waiting = found.admit(target("evil.test"), "https");
      await new Promise((done) => void setTimeout(done, 5));
      found.update(next);
      answer("allow");
      expect(reason(await waiting)).toBe(expected);
    }
  });
});

describe("a change of policy", () => {
  const wide = restricted({
    "good.test": { access: "allow", sni: "any" },
    "corp.test": { access: "allow", resolve_to: ["10.0.0.0/8"] },
  });
  it("is numbered, and an earlier one can be had back", async () => {
    const found = gate(wide);
    const open = await passage(found, target("good.test"));
    expect([found.generation(), open.generation, found.stillAllowed(open)]).toEqual([1, 1, true]);
    expect(found.update(restricted({}))).toBe(2);
    expect([found.generation(), found.stillAllowed(open)]).toEqual([2, false]);
    expect(reason(await found.admit(target("good.test"), "https"))).toBe("network_not_allowed");
    expect([found.restore(1), found.generation(), found.stillAllowed(open)]).toEqual([true, 1, true]);
    expect([found.restore(7), found.generation()]).toEqual([false, 1]);
    expect(found.update(wide)).toBe(3);
    for (let turn = 0; turn < 20; turn++) found.update(wide);
    expect(found.restore(1)).toBe(false);
  });

  it("that cannot be compiled changes nothing", async () => {
    const found = gate(wide);
    const [first] = wide.layers;
    if (first === undefined) throw new Error("no layer");
    const rule = {
      pattern: "not a host",
      access: "allow",
      resolveTo: [],
      provenance: first.network.modeProvenance,
    } as const;
    const broken = { ...wide, layers: [{ ...first, network: { ...first.network, domains: [rule] } }] };
    expect(() => found.update(broken)).toThrow("is not a host pattern");
    expect([found.generation(), reason(await found.admit(target("good.test"), "https"))]).toEqual([1, "ok"]);
  });

  it.each<readonly [string, string, ResolvedPolicy, boolean]>([
    ["keeps what is allowed as before", "good.test", wide, true],
    ["that denies it", "good.test", restricted({ "**.test.example": "allow", "good.test": "deny" }), false],
    ["that takes sni = any away", "good.test", restricted({ "good.test": "allow" }), false],
    [
      "that looks at requests",
      "good.test",
      restricted({ "good.test": { access: "allow", sni: "any" } }, { "good.test": { methods: ["GET"] } }),
      false,
    ],
    ["that takes resolve_to away", "corp.test", restricted({ "corp.test": "allow" }), false],
    [
      "that makes resolve_to narrower",
      "corp.test",
      restricted({ "corp.test": { access: "allow", resolve_to: ["10.9.0.0/16"] } }),
      false,
    ],
    [
      "that keeps the address",
      "corp.test",
      restricted({ "corp.test": { access: "allow", resolve_to: ["10.1.2.3"] } }),
      true,
    ],
    ["to no network", "good.test", policy({ mode: "off" }), false],
  ])("%s", async (_, name, next, expected) => {
    const found = gate(wide);
    const open = await passage(found, target(name));
    expect(reason(await found.locate(open, "https"))).toBe("ok");
    found.update(next);
    expect(found.stillAllowed(open)).toBe(expected);
  });

  it("while a name is looked up counts", async () => {
    const found = gate(wide);
    const open = await passage(found, target("corp.test"));
    const waiting = found.locate(open, "https");
    found.update(restricted({ "corp.test": "allow" }));
    expect(reason(await waiting)).toBe("private_address");
  });

  it("back to a narrower one forgets what the wider one let happen", async () => {
    const found = gate(restricted({ "corp.test": "allow" }));
    const open = await passage(found, target("corp.test"));
    found.update(wide);
    expect(reason(await found.locate(open, "https"))).toBe("ok");
    found.restore(1);
    expect(found.stillAllowed(open)).toBe(false);
  });

  it("leaves what was allowed when asked, unless it says otherwise", async () => {
    const found = gate(restricted({}), { decideMiss: async () => "allow" });
    const open = await passage(found, target("evil.test"));
    found.update(wide);
    expect(found.stillAllowed(open)).toBe(true);
    found.update(restricted({ "evil.test": "deny" }));
    expect(found.stillAllowed(open)).toBe(false);
  });
});

describe("a request", () => {
  const one = restricted(
    { "api.test": "allow", "free.test": "allow" },
    { "api.test": { methods: ["GET"], paths: ["/v1/**"] } },
  );
  it.each([
    ["api.test", "GET", "/v1/x", "ok"],
    ["api.test", "POST", "/v1/x", "method_not_allowed"],
    ["api.test", "GET", "/v2/x", "path_not_allowed"],
    ["api.test", "GET", "/v1/../v2", "path_not_allowed"],
    ["free.test", "DELETE", "/../x", "ok"],
  ])("%s %s %s: %s", async (host, method, path, expected) => {
    const found = gate(one);
    expect(reason(found.request(await passage(found, target(host), "http"), method, path))).toBe(expected);
  });

  it("must be readable where a rule looks at it", async () => {
    const found = gate(one);
    expect((await passage(found, target("api.test"))).inspect).toBe(true);
    expect((await passage(found, target("free.test"))).inspect).toBeUndefined();
  });

  it("under way is held to a new policy as well", async () => {
    const found = gate(one);
    const open = await passage(found, target("api.test"), "http");
    expect(found.request(open, "GET", "/v1/x").ok).toBe(true);
    found.update(restricted({ "api.test": "allow" }, { "api.test": { methods: ["GET"] } }));
    expect(found.stillAllowed(open)).toBe(true);
    found.update(restricted({ "api.test": "allow" }, { "api.test": { methods: ["POST"] } }));
    expect(found.stillAllowed(open)).toBe(false);
    expect(reason(found.request(open, "GET", "/v1/x"))).toBe("method_not_allowed");
    found.update(restricted({}));
    expect(reason(found.request(open, "POST", "/v1/x"))).toBe("network_not_allowed");
  });
});
