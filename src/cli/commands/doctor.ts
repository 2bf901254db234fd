import { ownEnvironment } from "../../config/index.ts";
import { absolutePath, escapeText, SandboxedError } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { builtFolder, diagnose, hostLedger, ladder, readFacts } from "../../sandbox/doctor/index.ts";
import type { Check, Guarantee, Ladder } from "../../sandbox/doctor/index.ts";
import { toolFolders } from "../../sandbox/index.ts";
import type { Backend } from "../../sandbox/index.ts";
import { version } from "../../generated/version.ts";
import type { Command } from "../command.ts";
import { lastValue } from "../parse.ts";
import { askedFor } from "../policy-flags.ts";
import { outputOptions, policyOptions } from "../run-options.ts";
import { describe } from "../voice.ts";

export const doctor: Command = {
  operands: "",
  options: [...policyOptions.filter(({ id }) => id === "backend"), ...outputOptions],
  examples: ["sandboxed doctor", "sandboxed doctor --backend bwrap-outer-proc", "sandboxed doctor --json"],
  about: ["Checks with what was found and what to do, then what a run is guaranteed on this host, by which layer."],
  async run(parsed) {
    const environment = ownEnvironment();
    const { cache } = toolFolders(environment);
    const { init, check: natives } = nativePrograms();
    const { facts } = readFacts({ cwd: process.cwd(), environment, workspace: "repo", cache, init });
    const found = ladder(facts, backendOf(lastValue(parsed, "backend")));
    const checks = [tool(), natives, await configuration(), ...diagnose(facts)];
    const guarantees = found.rung === "refuse" ? [] : hostLedger(facts.kernel, found.rung);
    const bad = found.rung === "refuse" || checks.some(({ status }) => status === "fail");
    const text = doctorText(checks, found, guarantees);
    return { data: { version, checks, ladder: found, guarantees }, text, status: bad ? 1 : 0 };
  },
};

function tool(): Check {
  return { name: "sandboxed-run", status: "ok", why: `${version}, Node.js ${process.versions.node}`, fix: null };
}

function nativePrograms(): { readonly init: AbsolutePath | null; readonly check: Check } {
  const name = "native programs";
  try {
    const folder = `${builtFolder()}/native`;
    const check: Check = { name, status: "ok", why: escapeText(folder), fix: null };
    return { init: absolutePath(`${folder}/sandbox-init`), check };
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    return { init: null, check: { name, status: "fail", why: error.message, fix: error.hint } };
  }
}

/** As a run here would read it. */
async function configuration(): Promise<Check> {
  const name = "configuration";
  try {
    const { config } = await askedFor({ given: [], rest: [] });
    const files = config.sources.flatMap(({ file }) => file ?? []);
    return {
      name,
      status: "ok",
      why: files.length === 0 ? "none, built-in defaults" : files.map(escapeText).join(", "),
      fix: null,
    };
  } catch (error) {
    const { message, hint } = describe(error);
    return { name, status: "fail", why: message, fix: hint };
  }
}

/** The table allows these values alone. */
function backendOf(value: string | null): Backend | null {
  return value === "bwrap" || value === "bwrap-outer-proc" || value === "landlock" ? value : null;
}

function doctorText(checks: readonly Check[], { rungs, rung }: Ladder, guarantees: readonly Guarantee[]): string {
  const names = width(checks.map(({ name }) => name));
  const rungNames = width(rungs.map(({ name }) => name));
  const rules = width(guarantees.map(({ rule }) => rule));
  const lines = [
    ...checks.flatMap(({ name, status, why, fix }) => [
      `${status.padEnd(4)}  ${name.padEnd(names)}  ${why}`,
      ...(fix === null ? [] : [`${"".padEnd(names + 6)}  -> ${fix}`]),
    ]),
    "",
    "rungs of the ladder, best first",
    ...rungs.map(({ name, reached, why }) => {
      const mark = name === rung ? "here" : reached ? "yes" : "no";
      return `${mark.padEnd(4)}  ${name.padEnd(rungNames)}  ${why}`;
    }),
    ...(guarantees.length === 0 ? [] : ["", "what a run is guaranteed"]),
    ...guarantees.map(
      ({ rule, layer, holds, why }) =>
        `${holds.padEnd(8)}  ${rule.padEnd(rules)}  ${layer}${why === null ? "" : ` (${why})`}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function width(words: readonly string[]): number {
  return Math.max(0, ...words.map((word) => word.length));
}
