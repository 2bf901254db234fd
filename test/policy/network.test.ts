import { describe, expect, it } from "vitest";
import type { RawProfile } from "../../src/policy/index.ts";
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
    ["user@api.example.com", 443, "deny"],
    ["api.example.com/x", 443, "deny"],
    ["api.example.com\0", 443, "deny"],
    ["ａpi.example.com", 443, "deny"],
    ["", 443, "deny"],
    ["*.sub.example", 443, "deny"],
  ])("%j port %i: %s", (host, port, effect) => {
    expect(asked.decide({ op: "connect", host, port }).effect).toBe(effect);
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
    [{ mode: "full", domains: { "api.example.com": "deny" } }, "deny", "network_not_allowed"],
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
