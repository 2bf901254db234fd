import type { Reach } from "../../policy/index.ts";
import type { Target } from "./gate.ts";
import { embeddedAddresses, judgeAddress } from "../names/private-ranges.ts";

/** Names under which clouds serve what `metadata` addresses serve; a rule for a domain above them does not mean them. */
const metadataNames: ReadonlySet<string> = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
  "metadata.tencentyun.com",
]);

export function isMetadataName(name: string): boolean {
  return metadataNames.has(name);
}

/**
 * Whether the target may be dialled at this address: a public one, or one that the rules of every layer name. Services
 * that hand out a machine's credentials are never reached by a name, only by a rule for exactly their address.
 */
export function mayDial(target: Target, address: string, reach: Reach): boolean {
  const judged = judgeAddress(address);
  if (judged === null) return false;
  if (judged.kind === "public") return true;
  if (judged.kind === "metadata" && !target.isAddress) return false;
  if (!reach.mayLeadTo(address, judged.range)) return false;
  if (judged.kind !== "embedded") return true;
  // Whoever names the whole address knows what is in it; whoever names a block need not.
  const whole = { ...judged.range, bits: 128 };
  if (target.isAddress && reach.mayLeadTo(address, whole)) return true;
  return embeddedAddresses(address).every((inner) => mayDialEmbedded(target, inner, reach));
}

function mayDialEmbedded(target: Target, inner: string, reach: Reach): boolean {
  const judged = judgeAddress(inner);
  if (judged === null || judged.kind === "metadata") return false;
  return judged.kind === "public" || (!target.isAddress && reach.mayLeadTo(inner, judged.range));
}
