import type { HostFacts, KernelFacts } from "../facts.ts";
import { OLDEST_BWRAP } from "../linux/facts/index.ts";
import { backendOption } from "../linux/run/index.ts";
import { ladder } from "./ladder.ts";

/** One thing a host must have, or should. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  /** What was found. */
  readonly why: string;
  /** What to do about it; null when nothing needs doing. */
  readonly fix: string | null;
}

/** What the checks look at. */
export type Examined = Pick<HostFacts, "kernel" | "account" | "toolchains">;

/** What this host can enforce, from its facts alone. */
export function diagnose(facts: Examined): readonly Check[] {
  const { kernel } = facts;
  return [
    bubblewrap(kernel),
    userNamespaces(kernel),
    freshProc(kernel),
    landlock(kernel),
    taskLimit(facts),
    toolchains(facts),
    standing(facts),
  ];
}

function bubblewrap({ bwrap }: KernelFacts): Check {
  const name = "bubblewrap";
  if ("path" in bwrap) return { name, status: "ok", why: `${bwrap.version} at ${bwrap.path}`, fix: null };
  return {
    name,
    status: "fail",
    why: bwrap.missing,
    fix: "install it as root: apt install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora), apk add bubblewrap (Alpine)",
  };
}

/** What to do about each setting that can forbid namespaces. */
const FIXES: ReadonlyMap<string, string> = new Map([
  ["user.max_user_namespaces", "as root: sysctl -w user.max_user_namespaces=15000, and in /etc/sysctl.d to keep it"],
  [
    "kernel.unprivileged_userns_clone",
    "as root: sysctl -w kernel.unprivileged_userns_clone=1, and in /etc/sysctl.d to keep it",
  ],
  [
    "kernel.apparmor_restrict_unprivileged_userns",
    "as root, give bubblewrap a profile that allows them: write `abi <abi/4.0>, profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }` to /etc/apparmor.d/bwrap and run apparmor_parser -r /etc/apparmor.d/bwrap",
  ],
  [
    "the container's seccomp profile",
    "start the container with a seccomp profile that allows clone and unshare of user namespaces (docker: --security-opt seccomp=FILE)",
  ],
  ["CONFIG_USER_NS", "use a kernel built with user namespaces"],
]);

function userNamespaces(kernel: KernelFacts): Check {
  const name = "user namespaces";
  if (kernel.userNamespaces === "ok") return { name, status: "ok", why: "a sandbox was built with them", fix: null };
  const { refusedBy, setting } = kernel.userNamespaces;
  return {
    name,
    status: "fail",
    why: `refused by ${refusedBy}${setting === "" ? "" : `: ${setting}`}`,
    fix:
      FIXES.get(setting) ??
      ("missing" in kernel.bwrap
        ? "install bubblewrap first"
        : `bubblewrap ${OLDEST_BWRAP} or later, not setuid, on a kernel that lets it build namespaces`),
  };
}

function freshProc({ freshProc: fresh, userNamespaces: namespaces }: KernelFacts): Check {
  const name = "/proc of its own";
  if (fresh) return { name, status: "ok", why: "a fresh one can be mounted", fix: null };
  if (namespaces !== "ok")
    return { name, status: "warn", why: "not tried: there are no namespaces to mount it in", fix: null };
  return {
    name,
    status: "warn",
    why: "parts of /proc are covered here: programs will see which processes this host runs",
    fix: "in a container: docker --security-opt systempaths=unconfined, podman --security-opt unmask=/proc/*",
  };
}

const SCOPES = 6;

function landlock({ landlockAbi, landlockFrom, release }: KernelFacts): Check {
  const name = "Landlock";
  const source = landlockFrom === "kernel" ? "the kernel says" : `concluded from kernel ${release}`;
  if (landlockAbi === 0) {
    return {
      name,
      status: "warn",
      why: `none (${source}): no second layer under the mounts`,
      fix: "Linux 5.13 or later with landlock in its lsm= list",
    };
  }
  if (landlockAbi < SCOPES) {
    return {
      name,
      status: "warn",
      why: `ABI ${landlockAbi} (${source}): with --network full, Unix sockets are taken away`,
      fix: "Linux 6.12 or later",
    };
  }
  return { name, status: "ok", why: `ABI ${landlockAbi} (${source})`, fix: null };
}

function taskLimit({ kernel, account }: Examined): Check {
  const name = "limit of tasks";
  if (kernel.pidMaxPerNamespace)
    return { name, status: "ok", why: "the kernel counts each sandbox by itself", fix: null };
  if (account.uid !== 0)
    return { name, status: "ok", why: "the kernel limits the tasks of the namespace's user", fix: null };
  return {
    name,
    status: "warn",
    why: `kernel ${kernel.release} does not limit what root starts: tasks are counted at intervals`,
    fix: "Linux 6.14 or later, or start as an ordinary user",
  };
}

function toolchains(facts: Examined): Check {
  const names = [...new Set(facts.toolchains.filter(({ roots }) => roots.length > 0).map(({ name }) => name))];
  return {
    name: "toolchains",
    status: "ok",
    why: names.length === 0 ? "none beside the system's" : names.join(", "),
    fix: null,
  };
}

function standing(facts: Examined): Check {
  const { rung, rungs } = ladder(facts);
  const why = rungs.find(({ name }) => name === rung)?.why ?? "";
  if (rung !== "refuse")
    return { name: "sandbox", status: rung === "bwrap" ? "ok" : "warn", why: `${rung}: ${why}`, fix: null };
  const lower = rungs.find(({ name, reached }) => reached && name !== "refuse")?.name;
  return {
    name: "sandbox",
    status: "fail",
    why: "none without asking: nothing runs",
    fix: lower === undefined || lower === "refuse" ? "see above" : `see above; what remains is ${backendOption(lower)}`,
  };
}
