import type { ConfigFlags } from "../../src/config/index.ts";

/** managed.wild.test is allowed by the administrator, user.wild.test by the user, both.wild.test by both, other.wild.test by nobody. */
export const hosts = ["managed.wild.test", "user.wild.test", "both.wild.test", "other.wild.test"] as const;

export const usersHosts = ["user.wild.test", "both.wild.test"];
const managed = 'allowed_domains = ["managed.wild.test", "both.wild.test"]';

/** For each row the hosts that are reached. */
export const baseline: readonly (readonly [
  name: string,
  system: string,
  flags: Partial<ConfigFlags>,
  reached: readonly string[],
])[] = [
  ["no requirements, restricted", "", { allowDomain: usersHosts }, ["user.wild.test", "both.wild.test"]],
  [
    "managed and the user's",
    managed,
    { allowDomain: usersHosts },
    ["managed.wild.test", "user.wild.test", "both.wild.test"],
  ],
  ["managed alone, nothing of the user's", managed, {}, ["managed.wild.test", "both.wild.test"]],
  [
    "managed only",
    `${managed}\nmanaged_allowed_domains_only = true`,
    { allowDomain: usersHosts },
    ["managed.wild.test", "both.wild.test"],
  ],
  ["managed only, of which there are none", "managed_allowed_domains_only = true", { allowDomain: usersHosts }, []],
  ["full access, without a baseline", "", { network: "full" }, hosts],
  ["full access is pinned to the managed ones", managed, { network: "full" }, ["managed.wild.test", "both.wild.test"]],
  [
    "full access and managed only",
    `${managed}\nmanaged_allowed_domains_only = true`,
    { network: "full" },
    ["managed.wild.test", "both.wild.test"],
  ],
  [
    "no sandbox is pinned as well",
    managed,
    { permissions: ":danger-full-access" },
    ["managed.wild.test", "both.wild.test"],
  ],
  ["off stays off", managed, { network: "off" }, []],
  ["off for all", `enabled = false\n${managed}`, { network: "full" }, []],
  [
    "enabled changes nothing",
    `enabled = true\n${managed}`,
    { allowDomain: usersHosts },
    ["managed.wild.test", "user.wild.test", "both.wild.test"],
  ],
  [
    "denied, although the user allows it",
    'denied_domains = ["user.wild.test"]',
    { allowDomain: usersHosts },
    ["both.wild.test"],
  ],
  [
    "denied, although it is managed as well",
    `${managed}\ndenied_domains = ["both.wild.test"]`,
    { allowDomain: usersHosts },
    ["managed.wild.test", "user.wild.test"],
  ],
  [
    "denied under full access",
    'denied_domains = ["**.other.wild.test"]',
    { network: "full" },
    ["managed.wild.test", "user.wild.test", "both.wild.test"],
  ],
  [
    "the user's own denial of a managed one",
    managed,
    { allowDomain: usersHosts, denyDomain: ["managed.wild.test"] },
    ["user.wild.test", "both.wild.test"],
  ],
  [
    "denied on trial, alone of two",
    'denied_domains = [{ domain = "user.wild.test", report_only_until = 2999-01-01T00:00:00Z }, "both.wild.test"]',
    { allowDomain: usersHosts },
    ["user.wild.test"],
  ],
  [
    "denied, the trial over",
    'denied_domains = [{ domain = "user.wild.test", report_only_until = 2020-01-01T00:00:00Z }]',
    { allowDomain: usersHosts },
    ["both.wild.test"],
  ],
  [
    "managed only, on trial",
    `${managed}\nmanaged_allowed_domains_only = true\nreport_only_until = 2999-01-01T00:00:00Z`,
    { allowDomain: usersHosts },
    ["managed.wild.test", "user.wild.test", "both.wild.test"],
  ],
  [
    "managed only of which there are none, on trial under full access",
    "managed_allowed_domains_only = true\nreport_only_until = 2999-01-01T00:00:00Z",
    { network: "full" },
    hosts,
  ],
  [
    "one table for both, a rule of it on trial",
    'domains = { "both.wild.test" = "deny", "user.wild.test" = { access = "deny", report_only_until = 2999-01-01T00:00:00Z } }',
    { allowDomain: usersHosts },
    ["user.wild.test"],
  ],
  [
    "one table for both",
    'domains = { "managed.wild.test" = "allow", "both.wild.test" = "allow", "user.wild.test" = "deny" }',
    { allowDomain: usersHosts },
    ["managed.wild.test", "both.wild.test"],
  ],
];

/** Rows of which nothing runs: a full network has no door to hold the rule at. */
export const unheld: ReadonlySet<string> = new Set(["denied under full access"]);
