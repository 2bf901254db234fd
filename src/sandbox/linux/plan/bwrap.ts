import type { LaunchPlan, MountStep } from "../../plan.ts";
import { gathering } from "./gather.ts";
import type { Gathering } from "./gather.ts";

/** Where the first process finds itself inside: `/dev` is the launch's own in every profile. */
export const INIT_PATH = "/dev/sandbox-init";

/**
 * Capabilities the first process needs before it forks the program; it drops them afterwards and the program
 * never has any. Ids other than its own exist only where root started the launch.
 */
const INIT_CAPABILITIES = ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN", "CAP_SETFCAP", "CAP_SETPCAP"];
const FULL_RANGE_CAPABILITIES = ["CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH"];

/** Files the launch provides, on the host. */
export interface Provided {
  readonly init: string;
  /** An empty file nobody may read, bound over what is denied. */
  readonly emptyFile: string;
}

/** The arguments of bubblewrap, in its order; a pure function of the plan. With nothing `gathered` it builds all of it. */
export function bwrapArguments(
  plan: LaunchPlan,
  provided: Provided,
  gathered: Gathering | null = gathering(plan),
): readonly string[] {
  const sharedNetwork = plan.network === "full";
  return [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    ...(sharedNetwork ? [] : ["--unshare-net"]),
    "--as-pid-1",
    "--die-with-parent",
    "--uid",
    "0",
    "--gid",
    "0",
    "--cap-drop",
    "ALL",
    ...capabilities(plan).flatMap((name) => ["--cap-add", name]),
    ...built(plan, gathered).flatMap((step) => mountArguments(step, provided)),
    "--chdir",
    "/",
    "--",
    INIT_PATH,
  ];
}

/** A folder that is gathered afterwards is shown whole until then. */
function built(plan: LaunchPlan, gathered: Gathering | null): readonly MountStep[] {
  if (gathered === null) return plan.mounts;
  const { folder, entries } = gathered;
  const later = new Set<MountStep>(entries);
  return plan.mounts
    .filter((step) => !later.has(step))
    .map((step) => (step.to === folder ? { do: "bind", from: folder, to: folder, access: "read" } : step));
}

function capabilities(plan: LaunchPlan): readonly string[] {
  return plan.fullIdRange ? [...INIT_CAPABILITIES, ...FULL_RANGE_CAPABILITIES] : INIT_CAPABILITIES;
}

function mountArguments(step: MountStep, provided: Provided): readonly string[] {
  switch (step.do) {
    case "bind":
      return [step.access === "write" ? "--bind" : "--ro-bind", step.from, step.to];
    case "tmpfs":
      return ["--perms", step.mode, "--size", String(step.size), "--tmpfs", step.to];
    case "mask":
      return step.kind === "file"
        ? ["--ro-bind", provided.emptyFile, step.to]
        : ["--perms", step.open ? "0555" : "0000", "--size", "4096", "--tmpfs", step.to];
    case "directory":
      // Left to bwrap, its owner alone could enter it, and that is not who the program is when root started this.
      return ["--perms", "0755", "--dir", step.to];
    case "symlink":
      return ["--symlink", step.target, step.to];
    case "proc":
      return ["--proc", step.to];
    case "outer-proc":
      return ["--ro-bind", "/proc", step.to];
    case "dev":
      return ["--dev", step.to, "--ro-bind", provided.init, INIT_PATH];
    case "seal":
      return ["--remount-ro", step.to];
    default:
      return step satisfies never;
  }
}
