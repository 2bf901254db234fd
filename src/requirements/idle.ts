import type { Key } from "./keys.ts";

/**
 * Keys that are checked, combined and shown, and that nothing in this version acts on: who writes one is told. Each goes
 * from here when the part comes that reads it.
 */
export const idleKeys: ReadonlySet<Key> = new Set<Key>([
  "network.review_domains",
  "network.http_port",
  "network.socks_port",
  "allowed_approval_policies",
  "allowed_approvals_reviewers",
  "rules.prefix_rules",
  "hooks",
  "allow_managed_hooks_only",
  "windows.allowed_sandbox_implementations",
  "otel",
]);
