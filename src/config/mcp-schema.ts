import { z } from "zod";

const words = z.array(z.string());
const table = z.record(z.string(), z.string());
const approvalMode = z.enum(["auto", "prompt", "writes", "approve"]);

const argumentRuleSchema = z.strictObject({
  prefix: z.string().optional().describe("The value starts with it."),
  pattern: z.string().optional().describe("A regular expression for the whole value."),
  enum: z
    .array(z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe("The only values."),
  maximum: z.number().optional().describe("The largest number."),
  inside: z.string().optional().describe("The directory that the value, a path, lies in."),
});

const toolSchema = z.strictObject({
  approval_mode: approvalMode.optional().describe("When a call of this tool is asked about."),
  arguments: z.record(z.string(), argumentRuleSchema).optional().describe("What its arguments have to be."),
});

/** One `[mcp_servers.NAME]` table; which keys go together is checked when it is read. */
export const mcpServerSchema = z.strictObject({
  command: z.string().optional().describe("The program of a server that speaks over its standard streams."),
  args: words.optional().describe("Its arguments."),
  env: table.optional().describe("Variables to set for it."),
  env_vars: words.optional().describe("Your variables to hand on to it."),
  cwd: z.string().optional().describe("Where it starts, an absolute path."),
  permissions: z.string().optional().describe("The profile it runs under; :isolated by default."),
  allowed_domains: words.optional().describe("Hosts it may reach besides."),
  url: z.string().optional().describe("The address of a server that speaks streamable HTTP."),
  bearer_token_env_var: z.string().optional().describe("The variable that holds its bearer token."),
  http_headers: table.optional().describe("Headers to send, none of them secret."),
  env_http_headers: table.optional().describe("Headers to send, each with the variable that holds its value."),
  scopes: words.optional().describe("OAuth scopes to ask for."),
  oauth_resource: z.string().optional().describe("The OAuth resource to name (RFC 8707)."),
  oauth: z
    .strictObject({
      client_id: z.string().optional().describe("A client registered beforehand."),
      client_secret_env_var: z.string().optional().describe("The variable that holds its secret."),
      callback_port: z.number().optional().describe("The loopback port to come back to."),
      authorization_server_issuer: z.string().optional().describe("The only issuer to accept."),
    })
    .optional()
    .describe("How to log in."),
  enabled: z.boolean().optional().describe("false: never started."),
  required: z.boolean().optional().describe("true: a run that may use it fails when it cannot start."),
  startup_timeout_sec: z.number().optional().describe("How long it may take to answer first; 30 by default."),
  startup_timeout_ms: z.number().optional().describe("The same in milliseconds."),
  tool_timeout_sec: z.number().optional().describe("How long one call may take; 300 by default."),
  protocol: z
    .enum(["legacy", "auto", "2026-07-28"])
    .optional()
    .describe("Which revisions to speak: up to 2025-11-25, whichever it knows, or the one without a handshake."),
  sampling: z
    .boolean()
    .optional()
    .describe("true: it may ask what a model would answer, of whoever answers for the session."),
  roots: z.boolean().optional().describe("true: it is told the directory that the run stands in."),
  enabled_tools: words.optional().describe("The only tools that can be called."),
  disabled_tools: words.optional().describe("Tools that cannot be called, taken from those."),
  default_tools_approval_mode: approvalMode.optional().describe("When calls are asked about."),
  tools: z.record(z.string(), toolSchema).optional().describe("Settings by tool."),
});

export type RawMcpServer = z.input<typeof mcpServerSchema>;
