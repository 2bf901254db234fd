import type { DoorPlan, LaunchPlan } from "../../plan.ts";
import { gathering } from "./gather.ts";

/** What the launch adds to a plan for the guard: places on the host that a plan does not fix. */
export interface GuardInstructions {
  readonly bwrap: string | null;
  readonly bwrapArguments: readonly string[];
  readonly init: string;
  readonly listenToErrors: boolean;
  readonly aftermath: readonly [program: string, file: string] | null;
  readonly quarantine: readonly { readonly path: string; readonly to: string }[];
}

type Record = readonly string[];

/** The guard's half of `native/linux/PROTOCOL.md`. */
export function guardInstructions(plan: LaunchPlan, launch: GuardInstructions): Buffer {
  return encode([
    ...(launch.bwrap === null ? [["direct", launch.init]] : [["bwrap", launch.bwrap]]),
    ...launch.bwrapArguments.map((argument) => ["arg", argument]),
    ...(plan.fullIdRange && launch.bwrap !== null ? [["idmap", "full"]] : []),
    ["owner", String(plan.ids.uid), String(plan.ids.gid)],
    ["stderr", launch.listenToErrors ? "tee" : "pass"],
    ["terminal", plan.terminal],
    ...(plan.door === null ? [] : [["door"]]),
    ...(launch.aftermath === null ? [] : [["aftermath", ...launch.aftermath]]),
    ...plan.placeholders.map((path) => ["placeholder", path]),
    ...launch.quarantine.map(({ path, to }) => ["quarantine", path, to]),
  ]);
}

/** What PID 1 is told, in the same form. */
export function initInstructions(plan: LaunchPlan): Buffer {
  const { limits } = plan;
  const isolated = plan.backend === "bwrap" || plan.backend === "bwrap-outer-proc";
  return encode([
    ["namespaces", isolated ? "yes" : "no"],
    ["network", plan.network],
    ...doorRecords(plan.door),
    ["id", String(plan.ids.uid), String(plan.ids.gid)],
    ["idmap", plan.fullIdRange ? "full" : "one"],
    ["terminal", plan.terminal],
    ["landlock", plan.landlock ? "yes" : "no"],
    ["cwd", plan.cwd],
    ["exec", plan.program],
    ...plan.argv.map((argument) => ["arg", argument]),
    ...plan.environment.map(([name, value]) => ["env", `${name}=${value}`]),
    ["limit", "nofile", String(limits.openFiles)],
    ["limit", "core", "0"],
    ...(isolated ? [["limit", "nproc", String(limits.processes)]] : []),
    ...(limits.data === null ? [] : [["limit", "data", String(limits.data)]]),
    ["tasks", String(limits.processes)],
    ...(plan.pidMax === null ? [] : [["pidmax", String(plan.pidMax)]]),
    ...(limits.memory === null ? [] : [["memory", String(limits.memory)]]),
    ...plan.mounts.flatMap((step) => (step.do === "tmpfs" ? [["counted", step.to]] : [])),
    ...gatherRecords(plan),
    ...plan.expectations.map(({ path, access, identity }) => [
      "expect",
      access,
      path,
      identity?.dev ?? "-",
      identity?.ino ?? "-",
    ]),
    ...plan.rebind.map((path) => ["rebind", path]),
    ...plan.remask.map((path) => ["remask", path]),
    ...plan.readable.map((path) => ["readable", path]),
    ...plan.writable.map((path) => ["writable", path]),
  ]);
}

function gatherRecords(plan: LaunchPlan): readonly Record[] {
  const gathered = gathering(plan);
  if (gathered === null) return [];
  return [
    ["gather", gathered.folder],
    ...gathered.entries.map((step): Record => {
      if (step.do === "symlink") return ["gathered", "link", step.to, step.target];
      return ["gathered", step.do === "bind" ? "show" : "folder", step.to];
    }),
  ];
}

function doorRecords(door: DoorPlan | null): readonly Record[] {
  if (door === null) return [];
  return [
    // A door for the channel alone changes nothing else about the network.
    ...(door.dns ? [["route", "all"]] : []),
    ["listen", "door", String(door.proxyPort)],
    ...door.transparentPorts.map((port) => ["listen", "tcp", String(port)]),
    ...(door.dns ? [["listen", "dns", "53"]] : []),
    ...door.published.map((port) => ["dial", String(port)]),
  ];
}

function encode(records: readonly Record[]): Buffer {
  const body = Buffer.from(records.map((record) => record.map((word) => `${word}\0`).join("")).join(""), "utf8");
  return Buffer.concat([Buffer.from(`length\0${body.length}\0`), body]);
}
