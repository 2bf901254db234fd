import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { startInKeyring, withoutKeyring } from "./keyring-world.ts";

const SECRET = "out-of-the-keyring-4711";
function configure(stage: Stage, port: number): void {
  stage.write(
    join(stage.home, ".config/sandboxed/config.toml"),
    `default_permissions = "api"
[permissions.api]
extends = ":isolated"
[permissions.api.network.domains]
"127.0.0.1:${port}" = "allow"
[permissions.api.network.credentials.API_TOKEN]
host = "http://127.0.0.1:${port}"
header = "Authorization: Basic {basic:robot}"
from = "keyring:sandboxed-test/api"
`,
  );
}

/** A service of the host that says what it was sent. */
async function serving(act: (port: number, seen: readonly (string | undefined)[]) => Promise<void>): Promise<void> {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end("served\n");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    await act((server.address() as AddressInfo).port, seen);
  } finally {
    server.close();
  }
}

describe("a credential in the system's keyring", () => {
  it.skipIf(withoutKeyring)("is lent like any other", () =>
    onStage("self", (stage) =>
      serving(async (port, seen) => {
        configure(stage, port);
        const script = `env; curl -sS --noproxy '' http://127.0.0.1:${port}/`;
        const run = [process.execPath, stage.tool("sandboxed-run"), "--", "sh", "-c", script];
        const child = startInKeyring(stage, run, SECRET);
        let text = "";
        child.stdout?.on("data", (chunk) => (text += String(chunk)));
        child.stderr?.on("data", (chunk) => (text += String(chunk)));
        await new Promise((closed) => child.once("close", closed));
        expect(text).toContain("served");
        expect(text).toMatch(/^API_TOKEN=\S{8,}$/m);
        expect(text).not.toContain(SECRET);
        expect(seen).toEqual([`Basic ${Buffer.from(`robot:${SECRET}`).toString("base64")}`]);
      }),
    ),
  );

  it("keeps a run from starting where no keyring answers", () =>
    onStage("self", (stage) => {
      configure(stage, 1);
      const { status, stderr } = stage.sh("touch ran");
      expect(status).toBe(125);
      expect(stderr).toMatch(/config\.toml:\d+: keyring:sandboxed-test\/api (cannot be read|needs the package)/);
      expect(stage.read("ran")).toBeNull();
    }));
});
