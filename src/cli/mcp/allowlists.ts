import type { McpAllowlist } from "../../policy/index.ts";
import type { Asked } from "../policy-flags.ts";

/** What the organisation allows here; none where it says nothing. */
export function allowlistsFor({ config }: Asked): readonly McpAllowlist[] {
  const { mcpAllowlist } = config.requirements;
  return mcpAllowlist === null ? [] : [mcpAllowlist];
}
