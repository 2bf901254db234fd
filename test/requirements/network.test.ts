import { describe, expect, it } from "vitest";
import { baseline, hosts, usersHosts } from "./baseline.ts";
import { asking, boundBy } from "./stage.ts";
import type { Texts } from "./stage.ts";

describe("the network baseline", () => {
  it.each(baseline)("%s", async (_, system, flags, reached) => {
    for (const name of ["network", "experimental_network"]) {
      const { policy } = await boundBy({ system: `[${name}]\n${system}` }, {}, flags);
      const decide = asking(policy);
      expect(hosts.filter((host) => decide({ op: "connect", host, port: 443 }).effect === "allow")).toEqual(reached);
    }
  });

  it("names the requirement's line for what it denies, and offers no option", async () => {
    const { policy } = await boundBy(
      { system: '[network]\ndenied_domains = ["user.wild.test"]' },
      {},
      { allowDomain: usersHosts },
    );
    const { provenance, suggestion } = asking(policy)({ op: "connect", host: "user.wild.test", port: 443 });
    expect([provenance?.layer, provenance?.line, suggestion?.argv]).toEqual(["requirements", 2, []]);
  });

  it.each(["10.1.2.3", "127.0.0.1", "::1", "169.254.169.254"])(
    "closes %s with allow_local_binding = false",
    async (host) => {
      const pattern = host.includes(":") ? `[${host}]:80` : `${host}:80`;
      const flags = { allowDomain: [pattern] };
      const closed = asking((await boundBy({ system: "network.allow_local_binding = false" }, {}, flags)).policy);
      expect(closed({ op: "connect", host, port: 80 }).effect).toBe("deny");
      const open = asking((await boundBy({ system: "network.allow_local_binding = true" }, {}, flags)).policy);
      expect(open({ op: "connect", host, port: 80 }).effect).toBe("allow");
    },
  );

  it("keeps what is no destination closed while destinations are on trial", async () => {
    const system =
      "[network]\nreport_only_until = 2999-01-01T00:00:00Z\nallow_local_binding = false\n[network.unix_sockets]\n'/run/s.sock' = 'deny'";
    const profile =
      'default_permissions = "p"\n[permissions.p]\nextends = ":workspace"\n[permissions.p.network.unix_sockets]\n"/run/s.sock" = "allow"';
    const queries = [
      { op: "connect", host: "127.0.0.1", port: 80 },
      { op: "connect_unix", path: "/run/s.sock" },
    ] as const;
    for (const [text, effect] of [
      [system, "deny"],
      ["", "allow"],
    ] as const) {
      const decide = asking(
        (await boundBy({ system: text }, { user: profile }, { allowDomain: ["127.0.0.1:80"] })).policy,
      );
      expect(queries.map((query) => decide(query).effect)).toEqual([effect, effect]);
    }
  });

  it("leads no name to a private address either", async () => {
    const file = {
      user: 'default_permissions = "p"\n[permissions.p]\nextends = ":isolated"\n[permissions.p.network.domains]\n"corp.test" = { access = "allow", resolve_to = ["10.0.0.0/8"] }',
    };
    const closed = await boundBy({ system: "network.allow_local_binding = false" }, file);
    expect(closed.profile.network.domains.map(({ resolveTo }) => resolveTo)).toEqual([[]]);
    const open = await boundBy({}, file);
    expect(open.profile.network.domains.map(({ resolveTo }) => resolveTo)).toEqual([["10.0.0.0/8"]]);
  });

  it("closes sockets that hand out the host", async () => {
    const file = {
      user: 'default_permissions = "p"\n[permissions.p]\nextends = ":isolated"\n[permissions.p.filesystem]\n"/run/docker.sock" = "read"\n[permissions.p.network.unix_sockets]\n"/run/docker.sock" = { access = "allow", dangerous = true }',
    };
    const query = { op: "connect_unix", path: "/run/docker.sock" } as const;
    const off = "network.dangerously_allow_all_unix_sockets = false";
    expect(asking((await boundBy({ system: off }, file)).policy)(query).effect).toBe("deny");
    expect(asking((await boundBy({}, file)).policy)(query).effect).toBe("allow");
  });

  it.each(["/srv/app.sock", "/home/u/app.sock"])(
    "holds for the socket %s, in a private home and in closed folders",
    async (path) => {
      const file = {
        user: `default_permissions = "p"\n[permissions.p]\nextends = ":isolated"\n[permissions.p.network.unix_sockets]\n"${path}" = "allow"`,
      };
      const folder = path.slice(0, path.lastIndexOf("/"));
      const closed = `[permissions.filesystem]\ndeny_read = ["${folder}"]\n`;
      const allowed = `[network.unix_sockets]\n"${path}" = "allow"\n`;
      const effect = async (texts: Texts) =>
        asking((await boundBy(texts, file)).policy)({ op: "connect_unix", path }).effect;
      expect(await effect({ system: allowed.replace("allow", "deny") })).toBe("deny");
      expect(await effect({ system: closed })).toBe("deny");
      expect(await effect({ system: allowed, variable: closed })).toBe("deny");
      expect(await effect({ system: closed + allowed })).toBe("allow");
      expect(await effect({ system: closed.replace(folder, "/other") })).toBe("allow");
    },
  );

  it.each([
    [
      "[network]\nmanaged_allowed_domains_only = true",
      { allowDomain: ["x.test"] },
      "managed_allowed_domains_only = true",
    ],
    ["[network]\nenabled = false", { allowDomain: ["x.test"] }, "network.enabled = false"],
    ['[network]\nallowed_domains = ["a.test"]', { network: "full" }, "allowed_domains"],
  ] as const)("is named as it is written: %j", async (system, flags, text) => {
    const decide = asking((await boundBy({ system }, {}, flags)).policy);
    const { rule, provenance } = decide({ op: "connect", host: "x.test", port: 443 });
    expect([rule?.text, provenance?.line]).toEqual([text, 2]);
  });
});
