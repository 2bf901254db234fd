// A small MCP server over standard streams: pages of entities, and one entity by its id. It only reads.
//
//     sandboxed mcp add entities -- node examples/entities/server.mjs
import { readFileSync } from "node:fs";
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const entities = JSON.parse(readFileSync(new URL("../session/entities.json", import.meta.url), "utf8"));
const entity = z.object({ id: z.number(), type: z.string(), name: z.string(), logins: z.number(), owner: z.number().optional() });
const annotations = { readOnlyHint: true };

serveStdio(() => {
  const server = new McpServer({ name: "entities", version: "1.0.0" });
  server.registerTool(
    "Entity_List",
    {
      description: "Entities of a type, or a page of all",
      annotations,
      inputSchema: z.object({
        entityType: z.string().optional(),
        from: z.number().int().min(0).default(0),
        pageSize: z.number().int().min(1).default(entities.length),
      }),
      outputSchema: z.object({ result: z.array(entity) }),
    },
    ({ entityType, from, pageSize }) => {
      const wanted = entities.filter(({ type }) => entityType === undefined || type === entityType);
      return answer(wanted.slice(from, from + pageSize));
    },
  );
  server.registerTool(
    "Entity_Get",
    {
      description: "One entity by its id",
      annotations,
      inputSchema: z.object({ id: z.number().int() }),
      outputSchema: z.object({ result: entity.nullable() }),
    },
    ({ id }) => answer(entities.find((each) => each.id === id) ?? null),
  );
  return server;
});

function answer(result) {
  return { content: [{ type: "text", text: JSON.stringify(result) }], structuredContent: { result } };
}
