/** What a capability may be for, and what its scope names. */
export const capabilityKinds = [
  /** Files, by path pattern: `src/**`, `/data/*.csv`; relative ones from the first workspace root. */
  "fs.read",
  "fs.write",
  "patch",
  /** Tools by name: `mcp.docs.read_*`. */
  "tools",
  "checkpoint",
  "summarize",
  /** Stores by name. */
  "memory",
  /** Hosts by pattern, as in `domains`. */
  "network",
  "request_permissions",
  "delegate",
  "agents",
  "elicitation",
] as const;

export type CapabilityKind = (typeof capabilityKinds)[number];

/** Something the holder of a token may do. Times in milliseconds, sizes in bytes; null is "no limit". */
export interface Capability {
  readonly kind: CapabilityKind;
  /** Patterns, any of which will do; empty for kinds that have nothing to name. */
  readonly scope: readonly string[];
  readonly calls: number | null;
  readonly rate: { readonly calls: number; readonly per: number } | null;
  /** From when it is granted. */
  readonly expiresIn: number | null;
  /** Ask a person before acting: never, each time, or until the first yes. */
  readonly approval: "never" | "always" | "once";
  /** What may be stored by it, all together. */
  readonly bytes: number | null;
}
