import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const suite = new URL("../../node_modules/@modelcontextprotocol/conformance/dist/index.js", import.meta.url).pathname;
const loader = new URL("./conformance-loader.mjs", import.meta.url).href;

export type Revision = "2025-11-25" | "2026-07-28";

/** What is tried of the suite: what a revision requires, everything that applies to one, or one scenario of it. */
export type Chosen =
  | { readonly requirements: Revision }
  | { readonly revision: Revision; readonly scenario?: string; readonly suite?: string };

/** Who is tried: a server at an address, or a client that is started with the address of each scenario's server. */
export type Tried =
  | { readonly server: string; readonly headers?: Readonly<Record<string, string>> }
  | { readonly client: string };

export interface Check {
  readonly scenario: string;
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  /** Why it failed; empty where the suite says nothing. */
  readonly message: string;
}

export interface Outcome {
  /** Of the suite: 0 where everything that counts has passed. */
  readonly status: number | null;
  /** In the order of scenarios, then of the suite. */
  readonly checks: readonly Check[];
  readonly output: string;
}

/** Runs the official conformance suite, which is told to stop after `seconds`. */
export async function conformance(tried: Tried, chosen: Chosen, seconds = 60): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "conformance-"));
  const headers = "headers" in tried ? tried.headers : {};
  // Answers are measured by the suite; a proxy or a certificate of this machine is none of its business.
  const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;
  const who = "server" in tried ? ["server", "--url", tried.server] : ["client", "--command", tried.client];
  const what =
    "requirements" in chosen
      ? ["--requirements", chosen.requirements]
      : [
          "--spec-version",
          chosen.revision,
          ...(chosen.scenario === undefined ? [] : ["--scenario", chosen.scenario]),
          ...(chosen.suite === undefined ? [] : ["--suite", chosen.suite]),
        ];
  const child = spawn(process.execPath, ["--import", loader, suite, ...who, ...what, "-o", folder], {
    env: { ...environment, CONFORMANCE_HEADERS: JSON.stringify(headers) },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: seconds * 1000,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  try {
    const [status] = await once(child, "close");
    return { status: typeof status === "number" ? status : null, checks: checksIn(folder), output };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Every scenario that the suite has for servers or clients, extensions of the protocol among them: `NAME [REVISIONS]`. */
export async function scenariosOf(of: "server" | "client"): Promise<readonly string[]> {
  const child = spawn(process.execPath, ["--import", loader, suite, "list", `--${of}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  await once(child, "close");
  return [...output.matchAll(/^ +- (\S.*)$/gm)].map(([, line = ""]) => line);
}

/** Scenario, check and how often it came out how: what two runs are compared by. */
export function outcomes({ checks }: Outcome): readonly string[] {
  return checks.map(({ scenario, id, status }) => `${scenario} ${id} ${status}`);
}

export function count({ checks }: Outcome): { readonly passed: number; readonly failed: number } {
  const of = (wanted: Check["status"]): number => checks.filter(({ status }) => status === wanted).length;
  return { passed: of("SUCCESS"), failed: of("FAILURE") };
}

function checksIn(folder: string): readonly Check[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith("checks.json"),
  );
  return files.toSorted().flatMap((name) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the suite's own form
    const checks = JSON.parse(readFileSync(join(folder, name), "utf8")) as readonly (Check & {
      readonly errorMessage?: string;
    })[];
    const scenario = name
      .replace(/\/checks\.json$/, "")
      .replace(/^(?:server|client)-/, "")
      .replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "");
    return checks.map(({ id, status, errorMessage }) => ({ scenario, id, status, message: errorMessage ?? "" }));
  });
}
