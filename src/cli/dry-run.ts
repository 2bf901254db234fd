import { escapeText, formatDuration, formatSize } from "../policy/index.ts";
import type { LaunchPlan } from "../sandbox/index.ts";
import { showWords } from "./words.ts";

/** The plan for a person: what would be started, with what in sight. `--json` has all of it. */
export function dryRunText(plan: LaunchPlan): string {
  const { limits } = plan;
  const rows: readonly (readonly [string, string])[] = [
    ["program", showWords([plan.program, ...plan.argv.slice(1)])],
    ["directory", escapeText(plan.cwd)],
    ["profile", escapeText(plan.profile)],
    ["backend", plan.backend],
    ["network", plan.network],
    ...doorRows(plan.door),
    ["user", `${plan.ids.uid}:${plan.ids.gid}`],
    ["time", limits.wallTime === null ? "no limit" : formatDuration(limits.wallTime)],
    ["memory", limits.memory === null ? "no limit" : formatSize(wholeMiB(limits.memory))],
    ["processes", String(limits.processes)],
    ["variables", plan.environment.map(([name]) => escapeText(name)).join(" ")],
  ];
  const lines = [
    ...rows.map(([name, value]) => `${name.padEnd(10)} ${value}`),
    "files",
    ...plan.mounts.map((step) => `  ${mountText(step)}`),
    ...(plan.backend === "landlock" ? grantedText(plan) : []),
    ...plan.reductions.map(({ rule, holds, why }) => `in part    ${escapeText(rule)}: ${holds} (${escapeText(why)})`),
  ];
  return `${lines.join("\n")}\n`;
}

function doorRows(door: LaunchPlan["door"]): readonly (readonly [string, string])[] {
  if (door === null) return [];
  const held = [door.proxyPort, ...(door.dns ? [53] : []), ...door.transparentPorts].toSorted((one, two) => one - two);
  const published: readonly (readonly [string, string])[] =
    door.published.length === 0 ? [] : [["published", door.published.join(" ")]];
  return [["door", `ports ${held.join(" ")} (not for servers of the program's own)`], ...published];
}

function mountText(step: LaunchPlan["mounts"][number]): string {
  const to = escapeText(step.to);
  if (step.do === "bind")
    return `${step.access.padEnd(9)} ${to}${step.from === step.to ? "" : ` (from ${escapeText(step.from)})`}`;
  if (step.do === "tmpfs") return `${"private".padEnd(9)} ${to} (${formatSize(step.size)})`;
  if (step.do === "symlink") return `${"link".padEnd(9)} ${to} -> ${escapeText(step.target)}`;
  return `${step.do.padEnd(9)} ${to}`;
}

/** Where nothing is mounted: what the host's own tree is open for. */
function grantedText({ readable, writable }: LaunchPlan): readonly string[] {
  const row = (word: string, path: string): string => `  ${word.padEnd(9)} ${escapeText(path)}`;
  return [...readable.map((path) => row("read", path)), ...writable.map((path) => row("write", path))];
}

const MiB = 1024 ** 2;

/** A share of the machine's memory is an odd number of bytes. */
function wholeMiB(bytes: number): number {
  return bytes < MiB ? bytes : Math.floor(bytes / MiB) * MiB;
}
