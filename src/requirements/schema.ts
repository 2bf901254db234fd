import { z } from "zod";
import { limitsSchema, profileSchema, sandboxModeSchema } from "../policy/read/schema.ts";
import { keyNames, keys } from "./keys.ts";
import type { Key } from "./keys.ts";

const words = z.array(z.string());

/** RFC 3339: a TOML date-time, or the same in quotes. */
const time = z.string();

/** `"10m"`, `"2GiB"`, or a plain number of seconds or bytes. */
const quantity = z.union([z.string(), z.number()]);

/** A rule by itself, or with the time until which it is on trial. */
const deniedPath = z.union([z.string(), z.strictObject({ path: z.string(), report_only_until: time })]);
const deniedDomain = z.union([z.string(), z.strictObject({ domain: z.string(), report_only_until: time })]);

const allowOrDeny = z.enum(["allow", "deny"]);

const destination = z.union([
  allowOrDeny,
  z.strictObject({
    access: allowOrDeny,
    resolve_to: words.optional(),
    sni: z.enum(["name", "any"]).optional(),
    report_only_until: time.optional(),
  }),
]);

const socket = z.union([allowOrDeny, z.strictObject({ access: allowOrDeny, dangerous: z.boolean().optional() })]);

const credential = z.strictObject({
  host: z.string(),
  methods: words.optional(),
  paths: words.optional(),
  header: z.string(),
  from: z.string(),
});

const textMatcher = z.union([
  z.string(),
  z.strictObject({ match: z.enum(["exact", "prefix"]), value: z.string() }),
  z.strictObject({ match: z.literal("regex"), value: z.string().optional(), expression: z.string().optional() }),
]);

const argumentRule = z.strictObject({
  prefix: z.string().optional(),
  pattern: z.string().optional(),
  enum: z.array(z.union([z.string(), z.number(), z.boolean()])).optional(),
  maximum: z.number().optional(),
  inside: z.string().optional(),
});

const tools = z.record(z.string(), z.strictObject({ arguments: z.record(z.string(), argumentRule).optional() }));

const executable = z.strictObject({
  executable: z.string(),
  args: z.array(textMatcher).optional(),
  sha256: z.string().optional(),
});

const identity = {
  command: z.union([z.string(), executable]).optional(),
  url: textMatcher.optional(),
  sha256: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  env_vars: words.optional(),
  cwd: z.string().optional(),
};

/** What either spelling says of one server: the identity is the table itself, or stands in a table of its own. */
const server = z.strictObject({ ...identity, identity: z.strictObject(identity).optional(), tools: tools.optional() });

const token = z.union([z.string(), z.strictObject({ token: z.string() }), z.strictObject({ any_of: words })]);

const prefixRule = z.strictObject({
  pattern: z.array(token),
  decision: z.enum(["prompt", "prompt-user", "forbidden"]),
  justification: z.string().optional(),
  report_only_until: time.optional(),
});

const hook = z.strictObject({
  matcher: z.string().optional(),
  command: z.union([z.string(), words]),
  timeout: quantity.optional(),
});

const exception = z.strictObject({
  id: z.string(),
  reason: z.string(),
  approver: z.string(),
  expires: time,
  scope: z.strictObject({ users: words.optional(), hostnames: words.optional() }).optional(),
  permissions: z
    .strictObject({
      filesystem: z.strictObject({ allow_read: words.optional(), allow_write: words.optional() }).optional(),
    })
    .optional(),
  network: z.strictObject({ allowed_domains: words.optional() }).optional(),
});

const granular = z.strictObject({
  granular: z.strictObject({
    sandbox_approval: z.boolean().optional(),
    rules: z.boolean().optional(),
    skill_approval: z.boolean().optional(),
    request_permissions: z.boolean().optional(),
    mcp_elicitations: z.boolean().optional(),
  }),
});

/** What each key holds. */
export const shapes = {
  support_contact: z.string(),
  "tool.min_version": z.string(),
  "tool.max_version": z.string(),
  allowed_sandbox_modes: z.array(sandboxModeSchema),
  remote_sandbox_config: z.array(
    z.strictObject({ hostname_patterns: words, allowed_sandbox_modes: z.array(sandboxModeSchema) }),
  ),
  allowed_permission_profiles: z.record(z.string(), z.boolean()),
  default_permissions: z.string(),
  "permissions.*": profileSchema,
  "permissions.filesystem.deny_read": z.array(deniedPath),
  "permissions.filesystem.deny_write": z.array(deniedPath),
  "permissions.filesystem.report_only_until": time,
  exceptions: z.array(exception),
  "network.enabled": z.boolean(),
  "network.domains": z.record(z.string(), destination),
  "network.allowed_domains": words,
  "network.denied_domains": z.array(deniedDomain),
  "network.managed_allowed_domains_only": z.boolean(),
  "network.review_domains": words,
  "network.unix_sockets": z.record(z.string(), socket),
  "network.allow_unix_sockets": words,
  "network.allow_local_binding": z.boolean(),
  "network.allow_upstream_proxy": z.boolean(),
  "network.dangerously_allow_all_unix_sockets": z.boolean(),
  "network.dangerously_allow_non_loopback_proxy": z.boolean(),
  "network.http_port": z.number(),
  "network.socks_port": z.number(),
  "network.header_injections": z.record(z.string(), credential),
  "network.report_only_until": time,
  allowed_approval_policies: z.array(z.union([z.enum(["untrusted", "on-failure", "on-request", "never"]), granular])),
  allowed_approvals_reviewers: z.array(z.enum(["user", "auto_review"])),
  "rules.prefix_rules": z.array(prefixRule),
  hooks: z
    .object({ managed_dir: z.string().optional(), windows_managed_dir: z.string().optional() })
    .catchall(z.array(hook)),
  allow_managed_hooks_only: z.boolean(),
  features: z.record(z.string(), z.boolean()),
  mcp_server_allowlist: z.record(z.string(), server),
  "windows.allowed_sandbox_implementations": z.array(z.enum(["elevated", "unelevated"])),
  otel: z.strictObject({
    exporter: z.enum(["none", "otlp-http", "otlp-grpc"]).optional(),
    endpoint: z.string().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    environment: z.string().optional(),
    log_user_prompt: z.boolean().optional(),
  }),
  limits: limitsSchema,
  enforcement_level: z.enum(["landlock", "bwrap-outer-proc", "bwrap"]),
  audit: z.enum(["default", "required"]),
  test: z.array(
    z.strictObject({ query: z.string(), expect: z.enum(["allow", "deny"]), because: z.string().optional() }),
  ),
  requirements_source: z.strictObject({
    url: z.string(),
    public_key: z.string(),
    audience: z.string().optional(),
    refresh: quantity.optional(),
    ca_file: z.string().optional(),
  }),
  min_serial: z.number(),
  serial: z.number(),
  expires: time,
  audience: z.string(),
} satisfies Record<Key, z.ZodType>;

type Shapes = typeof shapes;

/** Readers change nothing, so that constants fit as well. */
type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** What a key holds; of the profiles, all of them. */
export type RawValue<K extends Key> = K extends "permissions.*"
  ? Readonly<Record<string, Frozen<z.input<Shapes[K]>>>>
  : Frozen<z.input<Shapes[K]>>;

interface Branch {
  readonly children: Map<string, Branch>;
  schema: z.ZodType | null;
}

/** The shape of `requirements.toml`: the table of keys as nested tables. */
export const requirementsSchema = schemaOf(grow());

function grow(): Branch {
  const root: Branch = { children: new Map(), schema: null };
  for (const key of keyNames) {
    let branch = root;
    for (const step of key.split(".")) {
      const next = branch.children.get(step) ?? { children: new Map(), schema: null };
      branch.children.set(step, next);
      branch = next;
    }
    branch.schema = shapes[key].describe(keys[key].says);
  }
  return root;
}

function schemaOf({ children, schema }: Branch): z.ZodType {
  if (schema !== null) return schema;
  const members = [...children]
    .filter(([name]) => name !== "*")
    .map(([name, child]) => [name, schemaOf(child).optional()]);
  const others = children.get("*")?.schema;
  const network = children.get("network");
  const servers = children.get("mcp_server_allowlist");
  if (network !== undefined)
    members.push(["experimental_network", schemaOf(network).optional().describe("Another name of network.")]);
  if (servers !== undefined)
    members.push(["mcp_servers", schemaOf(servers).optional().describe("Another name of mcp_server_allowlist.")]);
  const shape = Object.fromEntries(members);
  return others === undefined || others === null ? z.strictObject(shape) : z.object(shape).catchall(others);
}
