import type { McpServerFactory } from "@modelcontextprotocol/server";
import { version } from "../generated/version.ts";
import type { Orchestrator } from "./orchestrator.ts";

/** On standard streams there is one client, and nobody asked it who it is. */
const ONLY_CLIENT = "";

/** Makes a server for each connection, or for each request that stands alone. */
export async function serverFactory(orchestratorOf: (client: string) => Orchestrator): Promise<McpServerFactory> {
  const [sdk, { Approvals }, { registerTools }] = await Promise.all([
    import("@modelcontextprotocol/server"),
    import("./approvals.ts"),
    import("./tools.ts"),
  ]);
  const approvals = new Approvals(sdk);
  return ({ authInfo }) => {
    const server = new sdk.McpServer(
      { name: "sandboxed-run", version },
      {
        instructions: "Commands run in a sandbox: ask explain before working round a refusal.",
        requestState: approvals.requestState,
      },
    );
    registerTools(server, orchestratorOf(authInfo?.clientId ?? ONLY_CLIENT), approvals);
    return server;
  };
}
