import { applyPatch, SandboxedError } from "../policy/index.ts";
import { ceilingLayers } from "./ceiling.ts";
import type { Layer, Policy, Profile, ProfilePatch, Provenance } from "../policy/index.ts";
import { readFeatures } from "./features.ts";
import type { Features } from "./features.ts";
import { changesProfile, flagPatch } from "./flags.ts";
import type { ConfigFlags } from "./flags.ts";
import { readSources } from "./layers.ts";
import { readMcpServers } from "./mcp-servers.ts";
import type { McpServer } from "./mcp-servers.ts";
import type { ConfigLayer, Sources, SourcesRequest } from "./layers.ts";
import { selectProfiles } from "./select.ts";
import { testsOf } from "./tests.ts";
import type { PolicyTest } from "./tests.ts";
import type { TrustState } from "./trust.ts";

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
  /** Of the project whose file was read; null without one. */
  readonly trust: TrustState | null;
  /** Where values were said that hold no provenance themselves: `audit`, `features.NAME`. */
  readonly origins: ReadonlyMap<string, Provenance>;
  /** Of all files. */
  readonly tests: readonly PolicyTest[];
}

/**
 * Reads every layer of configuration and puts them together. Ceilings and an untrusted project are layers of the policy
 * that narrow what the first one says.
 * Errors: `config_parse`, `config_schema`, `config_permissions`, `policy_invalid`, `usage`.
 */
export async function loadConfig(request: ConfigRequest): Promise<Config> {
  const { flags } = request;
  const sources = await readSources({ ...request, file: flags.file, overrides: flags.overrides });
  const { own, project, definitions, warnings } = selectProfiles(sources, flags.permissions);
  refuseUnsandboxed(sources, flags.permissions, own.profile);
  const profile = changesProfile(flags)
    ? applyPatch(own.profile, flagPatch(own.profile, flags, request.cwd))
    : own.profile;
  const documents = [...sources.own, ...(sources.project === null ? [] : [sources.project])];
  return {
    policy: {
      layers: [
        { layer: own.provenance.layer, profile, chosenBy: own.provenance },
        ...ceilingLayers(sources),
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
    warnings: sources.trust === "changed" ? [...warnings, changedText(sources.project)] : warnings,
    trust: sources.trust,
    origins: originsOf(sources.own),
    tests: documents.flatMap(testsOf),
  };
}

/** What a project says, even one that is trusted, never takes the sandbox away. Errors: `policy_invalid`. */
function refuseUnsandboxed(sources: Sources, named: string | null, chosen: Profile): void {
  const trusted = sources.own.find(({ document }) => document.layer === "trusted");
  if (trusted === undefined || chosen.filesystem.kind === "restricted") return;
  const others = { ...sources, own: sources.own.filter((layer) => layer !== trusted) };
  const defined = new Map(others.own.flatMap(({ profiles }) => [...profiles]));
  const isOwn = named === null || named.startsWith(":") || defined.has(named);
  if (isOwn && selectProfiles(others, named).own.profile.filesystem.kind !== "restricted") return;
  throw new SandboxedError("policy_invalid", `${trusted.document.name}: a project cannot take the sandbox away`, {
    hint: "choose :danger-full-access in your own file or with -P, if you want that",
  });
}

function changedText(project: ConfigLayer | null): string {
  const name = project?.document.name ?? "the project";
  return `${name}: it has changed since you trusted it, so it only narrows; sandboxed trust shows and trusts it again`;
}

/** The highest that says a key is the one who said it; for `audit` the first that requires it. */
function originsOf(layers: readonly ConfigLayer[]): ReadonlyMap<string, Provenance> {
  const origins = new Map<string, Provenance>();
  for (const { document, raw } of layers) {
    if (raw.audit === "required" && !origins.has("audit")) origins.set("audit", document.provenance(["audit"]));
    for (const name of Object.keys(raw.features ?? {})) {
      origins.set(`features.${name}`, document.provenance(["features", name]));
    }
  }
  return origins;
}
