import type { Provenance } from "../policy/index.ts";
import type { Document } from "./document.ts";
import type { RawConfig } from "./schema.ts";

/** A question with the answer that a policy must give. */
export interface PolicyTest {
  /** As `sandboxed explain` takes it: `read ~/.ssh/id_ed25519`. */
  readonly query: string;
  readonly expect: "allow" | "deny";
  /** Null when nobody says why. */
  readonly because: string | null;
  readonly provenance: Provenance;
}

export function testsOf({
  document,
  raw,
}: {
  readonly document: Document;
  readonly raw: RawConfig;
}): readonly PolicyTest[] {
  return (raw.test ?? []).map(({ query, expect, because = null }, index) => ({
    query,
    expect,
    because,
    provenance: document.provenance(["test", index, "query"]),
  }));
}
