// What the conformance suite starts as a client, once for each scenario: hands the scenario on to the one that serves them all.
import { connect } from "node:net";

const [socket, url] = process.argv.slice(-2);
const {
  MCP_CONFORMANCE_SCENARIO: scenario = "",
  MCP_CONFORMANCE_PROTOCOL_VERSION: revision = "",
  MCP_CONFORMANCE_CONTEXT: context = "{}",
} = process.env;
const asked = connect(socket);
asked.end(JSON.stringify({ url, scenario, revision, context: JSON.parse(context) }));
let answer = "";
asked.setEncoding("utf8").on("data", (text) => (answer += text));
asked.once("close", () => {
  if (answer !== "done") process.stderr.write(`${answer}\n`);
  process.exitCode = answer === "done" ? 0 : 1;
});
