import { describe, expect, it } from "vitest";
import type { ConfigFlags } from "../../src/config/index.ts";
import { asking, boundBy } from "./stage.ts";

/** managed.test is allowed by the administrator, user.test by the user, both.test by both, other.test by nobody. */
const hosts = ["managed.test", "user.test", "both.test", "other.test"] as const;

const user = ["user.test", "both.test"];
const managed = 'allowed_domains = ["managed.test", "both.test"]';

/** For each row the hosts that are reached. */
const table: readonly (readonly [
  name: string,
  system: string,
  flags: Partial<ConfigFlags>,
  reached: readonly string[],
])[] = [
  ["no requirements, restricted", "", { allowDomain: user }, ["user.test", "both.test"]],
  ["managed and the user's", managed, { allowDomain: user }, ["managed.test", "user.test", "both.test"]],
  ["managed alone, nothing of the user's", managed, {}, ["managed.test", "both.test"]],
  [
    "managed only",
    `${managed}\nmanaged_allowed_domains_only = true`,
    { allowDomain: user },
    ["managed.test", "both.test"],
  ],
  ["managed only, of which there are none", "managed_allowed_domains_only = true", { allowDomain: user }, []],
  ["full access, without a baseline", "", { network: "full" }, hosts],
  ["full access is pinned to the managed ones", managed, { network: "full" }, ["managed.test", "both.test"]],
  [
    "full access and managed only",
    `${managed}\nmanaged_allowed_domains_only = true`,
    { network: "full" },
    ["managed.test", "both.test"],
  ],
  ["no sandbox is pinned as well", managed, { permissions: ":danger-full-access" }, ["managed.test", "both.test"]],
  ["off stays off", managed, { network: "off" }, []],
  ["off for all", `enabled = false\n${managed}`, { network: "full" }, []],
  [
    "enabled changes nothing",
    `enabled = true\n${managed}`,
    { allowDomain: user },
    ["managed.test", "user.test", "both.test"],
  ],
  ["denied, although the user allows it", 'denied_domains = ["user.test"]', { allowDomain: user }, ["both.test"]],
  [
    "denied, although it is managed as well",
    `${managed}\ndenied_domains = ["both.test"]`,
    { allowDomain: user },
    ["managed.test", "user.test"],
  ],
  [
    "denied under full access",
    'denied_domains = ["**.other.test"]',
    { network: "full" },
    ["managed.test", "user.test", "both.test"],
  ],
  [
    "the user's own denial of a managed one",
    managed,
    { allowDomain: user, denyDomain: ["managed.test"] },
    ["user.test", "both.test"],
  ],
  [
    "denied on trial, alone of two",
    'denied_domains = [{ domain = "user.test", report_only_until = 2999-01-01T00:00:00Z }, "both.test"]',
    { allowDomain: user },
    ["user.test"],
  ],
  [
    "denied, the trial over",
    'denied_domains = [{ domain = "user.test", report_only_until = 2020-01-01T00:00:00Z }]',
    { allowDomain: user },
    ["both.test"],
  ],
  [
    "managed only, on trial",
    `${managed}\nmanaged_allowed_domains_only = true\nreport_only_until = 2999-01-01T00:00:00Z`,
    { allowDomain: user },
    ["managed.test", "user.test", "both.test"],
  ],
  [
    "managed only of which there are none, on trial under full access",
    "managed_allowed_domains_only = true\nreport_only_until = 2999-01-01T00:00:00Z",
    { network: "full" },
    hosts,
  ],
  [
    "one table for both, a rule of it on trial",
    'domains = { "both.test" = "deny", "user.test" = { access = "deny", report_only_until = 2999-01-01T00:00:00Z } }',
    { allowDomain: user },
    ["user.test"],
  ],
  [
    "one table for both",
    'domains = { "managed.test" = "allow", "both.test" = "allow", "user.test" = "deny" }',
    { allowDomain: user },
    ["managed.test", "both.test"],
  ],
];

describe("the network baseline", () => {
  it.each(table)("%s", async (_, system, flags, reached) => {
    for (const name of ["network", "experimental_network"]) {
      const { policy } = await boundBy({ system: `[${name}]\n${system}` }, {}, flags);
      const decide = asking(policy);
      expect(hosts.filter((host) => decide({ op: "connect", host, port: 443 }).effect === "allow")).toEqual(reached);
    }
  });

  it("names the requirement's line for what it denies, and offers no option", async () => {
    const { policy } = await boundBy(
      { system: '[network]\ndenied_domains = ["user.test"]' },
      {},
      { allowDomain: user },
    );
    const { provenance, suggestion } = asking(policy)({ op: "connect", host: "user.test", port: 443 });
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
});
