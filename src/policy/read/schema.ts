import { z } from "zod";

/**
 * The shape of what people write. A validator is generated from this, so it holds structure only; what the values
 * mean (absolute paths, known tokens, durations) is checked by `readProfile`, which can point at the line.
 */
const accessSchema = z.enum(["deny", "none", "read", "write"]);

const filesystemSchema = z.record(z.string(), z.union([accessSchema, z.record(z.string(), accessSchema)]));

const allowOrDeny = z.enum(["allow", "deny"]);

const networkSchema = z.strictObject({
  mode: z.enum(["off", "restricted", "full"]).optional(),
  bundles: z.array(z.string()).optional(),
  domains: z
    .record(
      z.string(),
      z.union([
        allowOrDeny,
        z.strictObject({
          access: allowOrDeny,
          resolve_to: z.array(z.string()).optional(),
          sni: z.enum(["name", "any"]).optional(),
        }),
      ]),
    )
    .optional(),
  http: z
    .record(
      z.string(),
      z.strictObject({ methods: z.array(z.string()).optional(), paths: z.array(z.string()).optional() }),
    )
    .optional(),
  credentials: z
    .record(
      z.string(),
      z.strictObject({
        host: z.string(),
        methods: z.array(z.string()).optional(),
        paths: z.array(z.string()).optional(),
        header: z.string(),
        from: z.string(),
      }),
    )
    .optional(),
  unix_sockets: z
    .record(
      z.string(),
      z.union([allowOrDeny, z.strictObject({ access: allowOrDeny, dangerous: z.boolean().optional() })]),
    )
    .optional(),
});

const environmentSchema = z.strictObject({
  inherit: z.enum(["core", "none", "all"]).optional(),
  include: z.array(z.string()).optional(),
  exclude: z.array(z.string()).optional(),
  set: z.record(z.string(), z.string()).optional(),
});

/** `"10m"`, `"2GiB"`, or a plain number of seconds or bytes. */
const quantity = z.union([z.string(), z.number()]);

/** Upper bounds of what one run may use. */
export const limitsSchema = z.strictObject({
  wall_time: quantity.optional(),
  max_pause: quantity.optional(),
  memory: quantity.optional(),
  data: quantity.optional(),
  processes: z.number().optional(),
  open_files: z.number().optional(),
  tmp_size: quantity.optional(),
  home_size: quantity.optional(),
  shm_size: quantity.optional(),
});

const protectSchema = z.strictObject({
  git: z.enum(["metadata", "all", "off"]).optional(),
  missing: z.enum(["watch", "strict"]).optional(),
  off: z.array(z.string()).optional(),
});

/** The table `[permissions.NAME]`. */
export const profileSchema = z.strictObject({
  description: z.string().optional(),
  extends: z.string().optional(),
  filesystem: filesystemSchema.optional(),
  network: networkSchema.optional(),
  environment: environmentSchema.optional(),
  limits: limitsSchema.optional(),
  protect: protectSchema.optional(),
  deny_glob: z.enum(["snapshot", "strict"]).optional(),
  workspace: z.enum(["repo", "cwd"]).optional(),
  workspace_roots: z.array(z.string()).optional(),
});

const readAccessSchema = z.strictObject({
  type: z.enum(["fullAccess", "restricted"]),
  include_platform_defaults: z.boolean().optional(),
  includePlatformDefaults: z.boolean().optional(),
  readable_roots: z.array(z.string()).optional(),
  readableRoots: z.array(z.string()).optional(),
});

export const sandboxModeSchema = z.enum(["read-only", "workspace-write", "danger-full-access"]);

export const sandboxWorkspaceWriteSchema = z.strictObject({
  writable_roots: z.array(z.string()).optional(),
  network_access: z.boolean().optional(),
  exclude_tmpdir_env_var: z.boolean().optional(),
  exclude_slash_tmp: z.boolean().optional(),
});

/** `SandboxPolicy` as agent hosts send it. */
export const sandboxPolicySchema = z.union([
  z.strictObject({ type: z.literal("dangerFullAccess") }),
  z.strictObject({
    type: z.literal("readOnly"),
    access: readAccessSchema.optional(),
    networkAccess: z.boolean().optional(),
    network_access: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("externalSandbox"),
    networkAccess: z.enum(["restricted", "enabled"]).optional(),
    network_access: z.enum(["restricted", "enabled"]).optional(),
  }),
  z.strictObject({
    type: z.literal("workspaceWrite"),
    writableRoots: z.array(z.string()).optional(),
    writable_roots: z.array(z.string()).optional(),
    access: readAccessSchema.optional(),
    readOnlyAccess: readAccessSchema.optional(),
    read_only_access: readAccessSchema.optional(),
    networkAccess: z.boolean().optional(),
    network_access: z.boolean().optional(),
    excludeTmpdirEnvVar: z.boolean().optional(),
    exclude_tmpdir_env_var: z.boolean().optional(),
    excludeSlashTmp: z.boolean().optional(),
    exclude_slash_tmp: z.boolean().optional(),
  }),
]);

/** The two keys of the older configuration form. */
const legacySettingsSchema = z.strictObject({
  sandbox_mode: sandboxModeSchema.optional(),
  sandbox_workspace_write: sandboxWorkspaceWriteSchema.optional(),
});

/** Readers change nothing, so that constants fit as well. */
type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

export type RawAccess = z.input<typeof accessSchema>;
export type RawProfile = Frozen<z.input<typeof profileSchema>>;
export type RawReadAccess = Frozen<z.input<typeof readAccessSchema>>;
export type RawSandboxPolicy = Frozen<z.input<typeof sandboxPolicySchema>>;
export type RawLegacySettings = Frozen<z.input<typeof legacySettingsSchema>>;
