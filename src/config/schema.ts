import { z } from "zod";
import { profileSchema, sandboxModeSchema, sandboxWorkspaceWriteSchema } from "../policy/read/schema.ts";
import { mcpServerSchema } from "./mcp-schema.ts";

/**
 * The shape of `config.toml`. The validator in `src/generated` and `schema/config.schema.json` are made from it;
 * programs import it only to word an error.
 */
export const configSchema = z.strictObject({
  default_permissions: z.string().optional().describe("The profile used when no --permissions option names one."),
  permissions: z.record(z.string(), profileSchema).optional().describe("Profiles by name."),
  sandbox_mode: sandboxModeSchema.optional().describe("Older form; use default_permissions."),
  sandbox_workspace_write: sandboxWorkspaceWriteSchema.optional().describe("Older form; use permissions."),
  ceiling: z
    .string()
    .optional()
    .describe("A profile that bounds what options, --config, -c and API calls can ask for."),
  audit: z
    .enum(["default", "required"])
    .optional()
    .describe("required: nothing runs unless its journal is kept; --ephemeral is refused."),
  mcp_servers: z.record(z.string(), mcpServerSchema).optional().describe("MCP servers by name."),
  test: z
    .array(
      z.strictObject({
        query: z.string().describe('A question as explain takes it: "read ~/.ssh/id_ed25519".'),
        expect: z.enum(["allow", "deny"]),
        because: z.string().optional().describe("Why, told when the answer is another one."),
      }),
    )
    .optional()
    .describe("Questions with the answers that the policy must give."),
  features: z
    .strictObject({
      use_legacy_landlock: z
        .boolean()
        .optional()
        .describe("Allow the Landlock rung where bubblewrap cannot run, for policies it can express."),
    })
    .optional()
    .describe("Behaviour that is off or on by choice."),
});

export type RawConfig = z.input<typeof configSchema>;
