/**
 * How the sources' values for a key become one.
 * `intersection`: what all of them list. `union`: what any of them lists. `least`, `greatest`: the number, version or
 * rung that holds more. `off`: false if one says false. `on`: true if one says true. `each`: every source's holds by
 * itself. `rank`: the source of highest rank. `same`: they must not contradict each other. `own`: it speaks about its
 * own source.
 */
export type Combining =
  | "intersection"
  | "union"
  | "least"
  | "greatest"
  | "off"
  | "on"
  | "each"
  | "rank"
  | "same"
  | "own";

/**
 * Who may write a key. `anyone`: it can only narrow, so that sources which the user gives may hold it. `admin`: the
 * administrator's sources alone. `system file` and `signed bundle`: that source alone. A project may write none.
 */
export type Author = "anyone" | "admin" | "system file" | "signed bundle";

/**
 * What becomes of a user's value that goes beyond. `refuse`: nothing runs. `fall back`: the allowed value that is
 * next below takes its place, with a warning; what was typed for this one run is refused instead. `repair`: what goes
 * beyond is taken out, with its reason. `narrow`: both hold, and the program gets the less of the two. `none`: users
 * have no such value.
 */
export type Conflict = "refuse" | "fall back" | "repair" | "narrow" | "none";

export interface KeyRow {
  readonly combine: Combining;
  readonly by: Author;
  readonly conflict: Conflict;
  readonly says: string;
}

/** Everything a requirements file can say. Code, JSON Schema and the tables of docs/requirements.md follow from it. */
export const keys = {
  support_contact: { combine: "rank", by: "admin", conflict: "none", says: "Whom refusals tell users to ask." },
  "tool.min_version": {
    combine: "greatest",
    by: "anyone",
    conflict: "refuse",
    says: "No older version of the tool runs anything.",
  },
  "tool.max_version": {
    combine: "least",
    by: "anyone",
    conflict: "refuse",
    says: "No newer version of the tool runs anything.",
  },
  allowed_sandbox_modes: {
    combine: "intersection",
    by: "anyone",
    conflict: "fall back",
    says: "What policies may let be written, whatever they are called; read-only must be among them.",
  },
  remote_sandbox_config: {
    combine: "own",
    by: "anyone",
    conflict: "none",
    says: "allowed_sandbox_modes by host name: the first entry that matches takes the place of this source's.",
  },
  allowed_permission_profiles: {
    combine: "intersection",
    by: "anyone",
    conflict: "fall back",
    says: "Profiles that may be used; a run gets no more than the one it uses allows.",
  },
  default_permissions: {
    combine: "rank",
    by: "admin",
    conflict: "none",
    says: "The profile of those who choose none.",
  },
  "permissions.*": {
    combine: "same",
    by: "admin",
    conflict: "refuse",
    says: "Profiles that users can name and cannot define anew.",
  },
  "permissions.filesystem.deny_read": {
    combine: "each",
    by: "anyone",
    conflict: "narrow",
    says: "Paths and patterns that no program reads or writes.",
  },
  "permissions.filesystem.deny_write": {
    combine: "each",
    by: "anyone",
    conflict: "narrow",
    says: "Paths that no program writes.",
  },
  "permissions.filesystem.report_only_until": {
    combine: "own",
    by: "admin",
    conflict: "none",
    says: "Until then this source's deny_read and deny_write are on trial: recorded, and not in force.",
  },
  exceptions: {
    combine: "own",
    by: "admin",
    conflict: "none",
    says: "What this source's own rules leave open, for whom, why and until when.",
  },
  "network.enabled": { combine: "off", by: "anyone", conflict: "narrow", says: "false: no program has a network." },
  "network.domains": {
    combine: "each",
    by: "admin",
    conflict: "narrow",
    says: "allowed_domains and denied_domains in one table; not beside them.",
  },
  "network.allowed_domains": {
    combine: "union",
    by: "admin",
    conflict: "narrow",
    says: "Destinations that every restricted network has besides the user's.",
  },
  "network.denied_domains": {
    combine: "each",
    by: "anyone",
    conflict: "narrow",
    says: "Destinations that no program reaches.",
  },
  "network.managed_allowed_domains_only": {
    combine: "on",
    by: "admin",
    conflict: "narrow",
    says: "true: this source's allowed destinations are the only ones.",
  },
  "network.review_domains": {
    combine: "union",
    by: "admin",
    conflict: "none",
    says: "Destinations for which somebody is asked each time.",
  },
  "network.unix_sockets": {
    combine: "each",
    by: "admin",
    conflict: "narrow",
    says: "Sockets that programs may or may not connect to.",
  },
  "network.allow_unix_sockets": {
    combine: "union",
    by: "admin",
    conflict: "none",
    says: "Sockets that programs may connect to; the older form of unix_sockets.",
  },
  "network.allow_local_binding": {
    combine: "off",
    by: "anyone",
    conflict: "narrow",
    says: "false: no private, loopback or unspecified address is reached.",
  },
  "network.allow_upstream_proxy": {
    combine: "off",
    by: "anyone",
    conflict: "narrow",
    says: "false: the door dials by itself, whatever proxy a variable names.",
  },
  "network.dangerously_allow_all_unix_sockets": {
    combine: "off",
    by: "anyone",
    conflict: "narrow",
    says: "false: sockets that hand out the host stay closed.",
  },
  "network.dangerously_allow_non_loopback_proxy": {
    combine: "off",
    by: "anyone",
    conflict: "none",
    says: "Listeners for programs stay on loopback addresses, whatever is said here.",
  },
  "network.http_port": {
    combine: "rank",
    by: "admin",
    conflict: "none",
    says: "The port of the HTTP listener in a program's own network.",
  },
  "network.socks_port": {
    combine: "rank",
    by: "admin",
    conflict: "none",
    says: "The port of the SOCKS listener in a program's own network.",
  },
  "network.header_injections": {
    combine: "same",
    by: "admin",
    conflict: "none",
    says: "Credentials that the door sets on requests, as in a profile's network.credentials.",
  },
  "network.report_only_until": {
    combine: "own",
    by: "admin",
    conflict: "none",
    says: "Until then this source's denied destinations and managed_allowed_domains_only are on trial.",
  },
  allowed_approval_policies: {
    combine: "intersection",
    by: "anyone",
    conflict: "refuse",
    says: "When somebody may be asked.",
  },
  allowed_approvals_reviewers: { combine: "intersection", by: "anyone", conflict: "refuse", says: "Who may answer." },
  "rules.prefix_rules": {
    combine: "union",
    by: "anyone",
    conflict: "narrow",
    says: "Commands that are forbidden or need asking.",
  },
  hooks: {
    combine: "same",
    by: "admin",
    conflict: "none",
    says: "Programs that run at events of a session; users cannot turn them off.",
  },
  allow_managed_hooks_only: {
    combine: "on",
    by: "anyone",
    conflict: "repair",
    says: "true: no hook of a user's or a project's runs.",
  },
  features: {
    combine: "off",
    by: "anyone",
    conflict: "fall back",
    says: "Features pinned on or off; what users give can only pin off.",
  },
  mcp_server_allowlist: {
    combine: "each",
    by: "anyone",
    conflict: "repair",
    says: "MCP servers that may run, by name and identity; an empty table allows none.",
  },
  "windows.allowed_sandbox_implementations": {
    combine: "intersection",
    by: "anyone",
    conflict: "refuse",
    says: "Ways to build a sandbox on Windows.",
  },
  otel: { combine: "rank", by: "admin", conflict: "repair", says: "Where telemetry goes." },
  limits: {
    combine: "least",
    by: "anyone",
    conflict: "narrow",
    says: "Upper bounds of what a run may take.",
  },
  enforcement_level: {
    combine: "greatest",
    by: "anyone",
    conflict: "refuse",
    says: "The weakest way to build a sandbox that is accepted.",
  },
  audit: {
    combine: "on",
    by: "anyone",
    conflict: "refuse",
    says: "required: nothing runs unless its journal is kept.",
  },
  test: { combine: "union", by: "anyone", conflict: "none", says: "Questions with the answers they must have." },
  requirements_source: {
    combine: "rank",
    by: "system file",
    conflict: "none",
    says: "Where a signed bundle of requirements is fetched.",
  },
  min_serial: {
    combine: "greatest",
    by: "system file",
    conflict: "none",
    says: "Bundles with a lower serial count as rolled back.",
  },
  serial: { combine: "own", by: "signed bundle", conflict: "none", says: "Number of the bundle; it never goes back." },
  expires: { combine: "own", by: "signed bundle", conflict: "none", says: "From then on the bundle no longer counts." },
  audience: {
    combine: "own",
    by: "signed bundle",
    conflict: "none",
    says: "For whom it is; it must be that of requirements_source.",
  },
} as const satisfies Record<string, KeyRow>;

export type Key = keyof typeof keys;

/** In the order of the table. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the table are its keys
export const keyNames = Object.keys(keys) as readonly Key[];

/** Other spellings of a table, with the one they stand for. */
export const synonyms: Readonly<Record<string, string>> = {
  experimental_network: "network",
  mcp_servers: "mcp_server_allowlist",
};
