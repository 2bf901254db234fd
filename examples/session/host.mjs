// A host with tools of its own: runs a program in a sandbox, lets it call them, and answers its questions.
//
//     node examples/session/host.mjs examples/session/orphans.py
//
// Answers come from the environment: APPROVE=no says no to everything.
import { readFileSync } from "node:fs";
import { localTools, policyFrom, run } from "sandboxed-run";

const [script] = process.argv.slice(2);
if (script === undefined) throw new Error("name a script");

const entities = JSON.parse(readFileSync(new URL("entities.json", import.meta.url), "utf8"));
const fetched = [];
const tools = localTools([
  {
    name: "mcp.Entity_List",
    description: "Entities of a type, or a page of all",
    run({ entityType, from = 0, pageSize = entities.length }) {
      return entities.filter(({ type }) => entityType === undefined || type === entityType).slice(from, from + pageSize);
    },
  },
  {
    name: "mcp.Entity_Get",
    description: "One entity by its id",
    run({ id }) {
      fetched.push(id);
      return entities.find((entity) => entity.id === id) ?? null;
    },
  },
]);

const questions = [];
const outcome = await run({
  policy: await policyFrom({ extends: ":isolated" }),
  program: "python3",
  arguments: [script],
  script,
  grants: ["tools=mcp.*:calls=100", "fs.read=src/**", "patch=src/**", "checkpoint", "summarize"],
  tools: [tools],
  onCheckpoint: async ({ text, data }) => {
    questions.push(text);
    const [first] = Array.isArray(data) ? data : [];
    return { approve: process.env.APPROVE !== "no", content: { id: first?.id ?? null } };
  },
});
console.log(JSON.stringify({ status: outcome.status, questions, fetched, summaries: outcome.summaries ?? [] }));
process.exitCode = outcome.status;
