import { applyPatch } from "../policy/index.ts";
import type { Layer, Policy, Profile, ProfilePatch, Provenance } from "../policy/index.ts";
import { readFeatures } from "./features.ts";
import type { Features } from "./features.ts";
import { changesProfile, flagPatch } from "./flags.ts";
import type { ConfigFlags } from "./flags.ts";
import { readSources } from "./layers.ts";
import type { SourcesRequest } from "./layers.ts";
import { readMcpServers } from "./mcp-servers.ts";
import type { McpServer } from "./mcp-servers.ts";
import { selectProfiles } from "./select.ts";

export interface ConfigRequest extends Omit<SourcesRequest, "file" | "overrides"> {
  readonly flags: ConfigFlags;
}

/** Everything that was asked for, as one policy. */
export interface Config {
  /**
   * The user's authority first (built-in, system, user, file, overrides and flags folded into one profile), then the
   * project's, which can only narrow.
   */
  readonly policy: Policy;
  /** The user's profile, and who chose it. */
  readonly profile: Profile;
  readonly chosenBy: Provenance;
  /** Every profile that can be named besides the built-in ones. */
  readonly definitions: ReadonlyMap<string, ProfilePatch>;
  /** What was read, lowest first. */
  readonly sources: readonly { readonly layer: Layer; readonly file: string | null; readonly owner: string }[];
  readonly features: Features;
  /** Whether the organisation allows them is not asked here. */
  readonly mcpServers: ReadonlyMap<string, McpServer>;
  readonly audit: "default" | "required";
  readonly warnings: readonly string[];
}

/**
 * Reads every layer of configuration and puts them together. Ceiling, trust and requirements join here: a ceiling
 * bounds `own` after the flags, trust lets the project's layer go, requirements are one more layer of the policy.
 * Errors: `config_parse`, `config_schema`, `config_permissions`, `policy_invalid`, `usage`.
 */
export async function loadConfig(request: ConfigRequest): Promise<Config> {
  const { flags } = request;
  const sources = await readSources({ ...request, file: flags.file, overrides: flags.overrides });
  const { own, project, definitions, warnings } = selectProfiles(sources, flags.permissions);
  const profile = changesProfile(flags)
    ? applyPatch(own.profile, flagPatch(own.profile, flags, request.cwd))
    : own.profile;
  const documents = [...sources.own, ...(sources.project === null ? [] : [sources.project])];
  return {
    policy: {
      layers: [
        { layer: own.provenance.layer, profile, chosenBy: own.provenance },
        ...(project === null
          ? []
          : [{ layer: "project" as const, profile: project.profile, chosenBy: project.provenance }]),
      ],
    },
    profile,
    chosenBy: own.provenance,
    definitions,
    sources: documents.map(({ document: { layer, file, owner } }) => ({ layer, file, owner })),
    features: readFeatures(sources.own, flags),
    mcpServers: readMcpServers(sources.own),
    audit: sources.own.some(({ raw }) => raw.audit === "required") ? "required" : "default",
    warnings,
  };
}
