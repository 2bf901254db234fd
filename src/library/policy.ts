import { checkShape, typedDocument } from "../config/index.ts";
import { readProfile, selectProfile } from "../policy/index.ts";
import type { Policy, RawProfile } from "../policy/index.ts";

const name = "host";

/**
 * The policy of a host that writes its profile in code, as the table `[permissions.NAME]` of a configuration file; what it
 * does not `extend` is empty, and allows nothing. Errors: `config_schema`, `policy_invalid`, each with the key.
 */
export async function policyFrom(profile: RawProfile): Promise<Policy> {
  const raw = structuredClone(profile);
  const document = typedDocument({ permissions: { [name]: raw } }, "api", "you", "policyFrom");
  await checkShape(document);
  const patch = readProfile(name, raw, document.provenance);
  return { layers: [{ layer: "api", profile: selectProfile(name, new Map([[name, patch]])) }] };
}
