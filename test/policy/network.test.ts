import { describe, expect, it } from "vitest";
import type { Profile, RawProfile } from "../../src/policy/index.ts";
import { builtin, machine, oracle, profile } from "./machine.ts";

type Network = NonNullable<RawProfile["network"]>;

describe("a destination", () => {
  const domains: NonNullable<Network["domains"]> = {
    "api.example.com": "allow",
    "*.sub.example": "allow",
    "**.whole.example": "allow",
    "bad.whole.example": "deny",
    "git.example:22": "allow",
    "blocked.example": "deny",
    "10.0.0.0/8": "allow",
    "10.6.6.6": "deny",
    "[fd00::1]:8080": "allow",
    "203.0.113.7:5432": "allow",
    "**.many.example:22": "allow",
    "not.many.example": "deny",
    "half.many.example:443": "deny",
  };
  const asked = oracle(profile({ network: { mode: "restricted", domains } }));
  it.each<readonly [string, number, string]>([
    ["api.example.com", 443, "allow"],
    ["api.example.com", 80, "allow"],
    ["api.example.com", 8443, "deny"],
    ["API.Example.COM.", 443, "allow"],
    ["api.example.com..", 443, "deny"],
    ["x.api.example.com", 443, "deny"],
    ["evilapi.example.com", 443, "deny"],
    ["api.example.com.evil.test", 443, "deny"],
    ["sub.example", 443, "deny"],
    ["a.sub.example", 443, "allow"],
    ["a.b.sub.example", 443, "allow"],
    ["notsub.example", 443, "deny"],
    ["whole.example", 443, "allow"],
    ["a.whole.example", 443, "allow"],
    ["bad.whole.example", 443, "deny"],
    ["x.bad.whole.example", 443, "allow"],
    ["git.example", 22, "allow"],
    ["git.example", 443, "deny"],
    ["10.1.2.3", 443, "allow"],
    ["10.6.6.6", 443, "deny"],
    ["::ffff:10.1.2.3", 443, "allow"],
    ["::ffff:10.6.6.6", 443, "deny"],
    ["11.1.2.3", 443, "deny"],
    ["10.1", 443, "deny"],
    ["0x0a.1.2.3", 443, "deny"],
    ["012.1.2.3", 443, "deny"],
    ["167837955", 443, "deny"],
    ["fd00::1", 8080, "allow"],
    ["FD00:0:0:0:0:0:0:1", 8080, "allow"],
    ["fd00::1", 443, "deny"],
    ["fd00::1%eth0", 8080, "deny"],
    ["203.0.113.7", 5432, "allow"],
    ["203.0.113.7", 443, "deny"],
    ["a.many.example", 22, "allow"],
    ["not.many.example", 22, "deny"],
    ["half.many.example", 22, "allow"],
    ["user@api.example.com", 443, "deny"],
    ["api.example.com/x", 443, "deny"],
    ["api.example.com\0", 443, "deny"],
    ["ａpi.example.com", 443, "deny"],
    ["", 443, "deny"],
    ["*.sub.example", 443, "deny"],
  ])("%j port %i: %s", (host, port, effect) => {
    expect(asked.decide({ op: "connect", host, port }).effect).toBe(effect);
  });

  it.each<readonly [string, number, "allow" | "deny"]>([
    ["0.0.0.0", 22, "deny"],
    ["::ffff:0.0.0.0", 22, "deny"],
    ["::", 22, "deny"],
    ["0.0.0.0", 23, "allow"],
    ["0.0.0.0", 24, "deny"],
    ["localhost", 22, "deny"],
    ["127.0.0.5", 25, "deny"],
    ["::1", 25, "deny"],
    ["0.0.0.0", 25, "deny"],
    ["127.0.0.1", 26, "allow"],
  ])("denied as this machine is denied by every name of it: %s port %i: %s", (host, port, effect) => {
    const rules: NonNullable<Network["domains"]> = {
      "0.0.0.0/32:22": "allow",
      "[::]:22": "allow",
      "0.0.0.0/32:23": "allow",
      "127.0.0.1:24": "allow",
      "127.0.0.0/8:22": "deny",
      "localhost:22": "allow",
      "127.0.0.0/8:25": "allow",
      "[::1]:25": "allow",
      "0.0.0.0/32:25": "allow",
      "localhost:25": "deny",
      "127.0.0.1:26": "allow",
    };
    const held = oracle(profile({ network: { mode: "restricted", domains: rules } }));
    expect(held.decide({ op: "connect", host, port }).effect).toBe(effect);
  });

  it("is found out by name when some port of it is allowed", () => {
    const effects = [
      "api.example.com",
      "git.example",
      "blocked.example",
      "bad.whole.example",
      "other.example",
      "10.1.2.3",
    ].map((name) => asked.decide({ op: "dns", name }).effect);
    expect(effects).toEqual(["allow", "allow", "deny", "deny", "deny", "allow"]);
  });

  it.each<readonly [Network, string, string]>([
    [{ mode: "off", domains }, "deny", "network_off"],
    [{ mode: "restricted" }, "deny", "network_not_allowed"],
    [{ mode: "full" }, "allow", "granted"],
    [{ mode: "full", domains: { "api.example.com": "deny" } }, "deny", "denied_by_rule"],
  ])("with %j is %s: %s", (network, effect, reason) => {
    expect(oracle(profile({ network })).decide({ op: "connect", host: "api.example.com", port: 443 })).toMatchObject({
      effect,
      reason,
    });
  });

  it("listens where it likes in a network of its own, and on the host only with the host's", () => {
    const where = (["off", "restricted", "full"] as const).map(
      (mode) => oracle(profile({ network: { mode } })).decide({ op: "bind", port: 80 }).where,
    );
    expect(where).toEqual(["private", "private", "host"]);
  });
});

describe("what would lift a denial", () => {
  const denied = (domains: Readonly<Record<string, "allow" | "deny">>, port = 443) =>
    oracle(profile({ network: { mode: "restricted", domains } })).decide({ op: "connect", host: "x.a.example", port })
      .suggestion;

  it.each<readonly [string, Readonly<Record<string, "allow" | "deny">>, number, readonly string[]]>([
    ["an option with its own pattern", { "x.a.example": "deny" }, 443, ["--allow-domain", "x.a.example"]],
    ["an option with its own port", { "x.a.example:22": "deny" }, 22, ["--allow-domain", "x.a.example:22"]],
    ["no option, where it is wider", { "**.a.example": "deny" }, 443, []],
    ["no option, where it names the port", { "x.a.example:443": "deny" }, 443, []],
    ["no option, where there is another", { "x.a.example": "deny", "*.a.example": "deny" }, 443, []],
  ])("is %s", (_, domains, port, argv) => {
    const suggestion = denied(domains, port);
    expect(suggestion?.argv).toEqual(argv);
    if (argv.length > 0) return;
    for (const pattern of Object.keys(domains)) expect(suggestion?.config).toContain(`"${pattern}" = "deny"`);
  });
});

describe("a destination that is refused", () => {
  const mine = {
    mode: "restricted" as const,
    domains: { "a.example": "allow" as const, "b.example": "deny" as const },
  };
  it.each<readonly [string, Profile | readonly Profile[], string, boolean]>([
    ["for want of a rule can be asked about", profile({ network: mine }), "c.example", true],
    ["by a rule cannot", profile({ network: mine }), "b.example", false],
    ["and is no name cannot", profile({ network: mine }), "127.1", false],
    ["with the network off cannot", profile({ network: { ...mine, mode: "off" } }), "c.example", false],
    ["for want of a rule of the organisation cannot", profile({ network: mine }, "requirements"), "c.example", false],
    [
      "for want of a rule here and by a rule there cannot",
      [profile({ network: mine }), profile({ network: { mode: "full", domains: { "c.example": "deny" } } })],
      "c.example",
      false,
    ],
    ["and allowed is no miss", profile({ network: mine }), "a.example", false],
  ])("%s", (_, profiles, host, isMiss) => {
    expect(oracle(profiles).reach(host, 443).isMiss).toBe(isMiss);
  });
});

describe("what a name may lead to", () => {
  const domains: NonNullable<Network["domains"]> = {
    "**.corp.example": { access: "allow", resolve_to: ["10.0.0.0/8"] },
    "api.corp.example": { access: "allow", sni: "any" },
    "plain.example": "allow",
    "10.1.0.0/16": "allow",
    "0.0.0.0/0": "allow",
    "127.0.0.1:5432": "allow",
  };
  const asked = oracle(profile({ network: { mode: "restricted", domains } }));
  const range = { first: 0xffff_0a00_0000n, bits: 104 };
  const loopback = { first: 0xffff_7f00_0000n, bits: 104 };
  it.each([
    ["a.corp.example", 443, "10.2.3.4", range, true],
    ["api.corp.example", 443, "10.2.3.4", range, true],
    ["a.corp.example", 443, "192.168.1.1", range, false],
    ["a.corp.example", 22, "10.2.3.4", range, false],
    ["plain.example", 443, "10.2.3.4", range, false],
    ["10.1.2.3", 443, "10.1.2.3", range, true],
    ["10.2.2.3", 443, "10.2.2.3", range, false],
    ["127.0.0.1", 5432, "127.0.0.1", loopback, true],
    ["127.0.0.1", 443, "127.0.0.1", loopback, false],
  ] as const)("%s port %i to %s", (host, port, address, within, expected) => {
    expect(asked.reach(host, port).mayLeadTo(address, within)).toBe(expected);
  });

  it("needs every layer that names it, and one that does", () => {
    const wide = profile({ network: { mode: "full" } });
    const some = profile({ network: { mode: "restricted", domains } });
    const bare = profile({ network: { mode: "restricted", domains: { "**.corp.example": "allow" } } });
    const leads = (profiles: readonly Profile[]): boolean =>
      oracle(profiles).reach("a.corp.example", 443).mayLeadTo("10.2.3.4", range);
    expect([leads([some, wide]), leads([some, bare]), leads([wide])]).toEqual([true, false, false]);
  });

  it("greets with another name only where a rule says so in every layer that names the host", () => {
    const bare = profile({ network: { mode: "restricted", domains: { "**.corp.example": "allow" } } });
    const some = profile({ network: { mode: "restricted", domains } });
    const sni = (profiles: readonly Profile[], host: string): string => oracle(profiles).reach(host, 443).sni;
    expect([
      sni([some], "api.corp.example"),
      sni([some], "a.corp.example"),
      sni([some, bare], "api.corp.example"),
    ]).toEqual(["any", "name", "name"]);
  });
});

describe("a Unix socket", () => {
  const unix_sockets: NonNullable<Network["unix_sockets"]> = {
    "/run/app.sock": "allow",
    "/run/agents/**": "allow",
    "/run/agents/bad.sock": "deny",
    "/var/run/docker.sock": { access: "allow", dangerous: true },
  };
  const places = machine({}, { "/var/run": "/run" });
  const asked = oracle(profile({ extends: ":workspace", network: { unix_sockets } }), places);
  it.each([
    ["/run/app.sock", "allow"],
    ["/run/app.sock.evil", "deny"],
    ["/run/agents/a.sock", "allow"],
    ["/run/agents/x/b.sock", "allow"],
    ["/run/agents/bad.sock", "deny"],
    ["/run/agents-evil/a.sock", "deny"],
    ["/run/docker.sock", "allow"],
    ["/var/run/docker.sock", "allow"],
    ["/run/dbus/system_bus_socket", "deny"],
    ["/home/u/ws/.sock", "deny"],
    ["/tmp/mine.sock", "allow"],
  ])("%s: %s", (path, effect) => {
    expect(asked.decide({ op: "connect_unix", path }).effect).toBe(effect);
  });

  it("that hands out the host needs the word for it, even inside an allowed directory", () => {
    const wide = oracle(profile({ network: { unix_sockets: { "/run/**": "allow" } } }), places);
    const decision = wide.decide({ op: "connect_unix", path: "/var/run/docker.sock" });
    expect(decision).toMatchObject({ effect: "deny", suggestion: { argv: [] } });
    expect(decision.suggestion?.config).toContain("dangerous = true");
    expect(wide.decide({ op: "connect_unix", path: "/run/app.sock" }).effect).toBe("allow");
  });

  it("needs every layer", () => {
    const mine = profile({ network: { unix_sockets } });
    const query = { op: "connect_unix", path: "/run/app.sock" } as const;
    expect(oracle([mine, builtin(":workspace")], places).decide(query).effect).toBe("deny");
    expect(oracle([mine, builtin(":danger-full-access")], places).decide(query).effect).toBe("allow");
  });

  it("of the tool's own state is never reached", () => {
    const wide = profile({ network: { unix_sockets: { "/home/u/.local/state/sandboxed/s.sock": "allow" } } });
    expect(oracle(wide).decide({ op: "connect_unix", path: "/home/u/.local/state/sandboxed/s.sock" }).reason).toBe(
      "tool_state",
    );
  });
});
