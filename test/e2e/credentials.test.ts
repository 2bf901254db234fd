import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const SECRET = "the-real-value-4711";

/** Two services of the host; what they were sent. */
const seen: { name: string; authorization: string | undefined }[] = [];
const servers = ["bound", "other"].map((name) =>
  createServer((request, response) => {
    seen.push({ name, authorization: request.headers.authorization });
    response.end("served");
  }),
);
const ports: number[] = [];

beforeAll(async () => {
  for (const server of servers) {
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    ports.push((server.address() as AddressInfo).port);
  }
});

afterAll(() => servers.forEach((server) => server.close()));

function configure(stage: Stage): void {
  const [bound = 0, other = 0] = ports;
  stage.write(
    join(stage.home, ".config/sandboxed/config.toml"),
    `default_permissions = "api"
[permissions.api]
extends = ":isolated"
[permissions.api.network.domains]
"127.0.0.1:${bound}" = "allow"
"127.0.0.1:${other}" = "allow"
[permissions.api.network.credentials.API_TOKEN]
host = "http://127.0.0.1:${bound}"
header = "Authorization: Bearer {}"
paths = ["/api/**"]
from = "env:API_TOKEN"
`,
  );
}

/** Asks in a process of its own: the servers answer in this one. */
const ask = (stage: Stage, script: string, words: readonly string[] = []): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = stage.start([...words, "--", "sh", "-c", script], { environment: { API_TOKEN: SECRET } });
    let text = "";
    child.stdout?.on("data", (chunk) => (text += String(chunk)));
    child.stderr?.on("data", (chunk) => (text += String(chunk)));
    child.once("error", reject);
    child.once("close", () => resolve(text));
  });

const curl = (port: number, path: string): string =>
  `curl -sS --noproxy '' -H "Authorization: Bearer $API_TOKEN" http://127.0.0.1:${port}${path}`;

describe.each(people)("a credential that is lent, as %s", (person) => {
  it("reaches its host, and the program never has it", () =>
    onStage(person, async (stage) => {
      configure(stage);
      seen.length = 0;
      const [bound = 0] = ports;
      const printed = await ask(stage, `env; ${curl(bound, "/api/x")}`);
      expect(printed).toContain("served");
      expect(printed).toContain("API_TOKEN=");
      expect(printed).not.toContain(SECRET);
      expect(seen).toEqual([{ name: "bound", authorization: `Bearer ${SECRET}` }]);
    }));

  it.each([
    ["another host", 1, "/api/x"],
    ["another path of its host", 0, "/elsewhere"],
  ])("stays behind on the way to %s", (_, which, path) =>
    onStage(person, async (stage) => {
      configure(stage);
      seen.length = 0;
      const printed = await ask(stage, curl(ports[which] ?? 0, path));
      expect(printed).toContain("served");
      expect(seen).toHaveLength(1);
      expect(seen[0]?.authorization).toMatch(/^Bearer \S{8,}/);
      expect(seen[0]?.authorization).not.toContain(SECRET);
    }),
  );

  it("stands in no plan, journal, report or file of the tool's", () =>
    onStage(person, async (stage) => {
      configure(stage);
      const [bound = 0] = ports;
      expect(await ask(stage, "true", ["--dry-run", "--json"])).not.toContain(SECRET);
      expect(await ask(stage, curl(bound, "/api/x"), ["--report", "r.json"])).toContain("served");
      expect(stage.read("r.json")).not.toContain(SECRET);
      const found = execFileSync("sh", ["-c", `grep -rl '${SECRET}' '${stage.folder}' || true`], { encoding: "utf8" });
      expect(found).toBe("");
    }));

  it("comes with certificates to trust, which are gone with the run", () =>
    onStage(person, async (stage) => {
      configure(stage);
      const printed = await ask(stage, "grep -c BEGIN $SSL_CERT_FILE; echo x >> $SSL_CERT_FILE");
      expect(printed).toMatch(/^[1-9]/);
      expect(printed).toMatch(/Read-only|Permission denied/);
      const folder = join(stage.home, ".cache/sandboxed/door");
      expect(existsSync(folder)).toBe(true);
      expect(readdirSync(folder).filter((name) => name.startsWith("trust-"))).toEqual([]);
    }));

  it("keeps a run from starting when it cannot be had", () =>
    onStage(person, (stage) => {
      configure(stage);
      const { status, stderr } = stage.sh("touch ran");
      expect(status).toBe(125);
      expect(stderr).toMatch(/config\.toml:\d+/);
      expect(stage.read("ran")).toBeNull();
    }));
});
