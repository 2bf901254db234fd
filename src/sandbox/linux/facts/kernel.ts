import { release as kernelRelease } from "node:os";
import { absolutePath } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { KernelFacts } from "../../facts.ts";
import { findBwrap } from "./bwrap.ts";
import type { Disk } from "./disk.ts";
import { atLeast, landlockAbi, probe } from "./probe.ts";
import type { Probed } from "./probe.ts";
import { keepProbe, readProbe } from "./probe-cache.ts";

export interface KernelRequest {
  readonly uid: number;
  /** The caller's PATH. */
  readonly search: string | undefined;
  /** The native program that is asked about Landlock; null when none was built. */
  readonly init: AbsolutePath | null;
  /** Where the probe's answer is kept between runs; null keeps none. */
  readonly cache: AbsolutePath | null;
  readonly disk: Disk;
}

const BOOT_ID = absolutePath("/proc/sys/kernel/random/boot_id");
const NAMESPACE = absolutePath("/proc/self/ns/user");
const PROC = absolutePath("/proc");

/** The kernel's powers, tried once and kept for as long as nothing changes that they depend on. */
export function readKernel(request: KernelRequest): KernelFacts {
  const { disk, uid } = request;
  const release = kernelRelease();
  const basis = {
    release,
    arch: process.arch === "arm64" ? "arm64" : "x64",
    bootId: disk.text(BOOT_ID)?.trim() ?? "",
    pidMaxPerNamespace: atLeast(release, 6, 14),
  } as const;
  const bwrap = findBwrap(request.search, uid, disk);
  if ("missing" in bwrap) {
    const none = { refusedBy: "there is no bubblewrap to try them with", setting: "" };
    return {
      ...basis,
      bwrap,
      userNamespaces: none,
      freshProc: false,
      ...landlockAbi({ init: request.init, release, disk }),
    };
  }
  const key = probeKey(basis.bootId, release, bwrap.path, request);
  const kept = request.cache === null ? null : readProbe(request.cache, key, uid);
  const probed = usable(kept) ?? probe({ bwrap: bwrap.path, init: request.init, release, uid, disk });
  if (probed !== kept && request.cache !== null) keepProbe(request.cache, key, uid, probed);
  const { version, hung, ...found } = probed;
  const silent = hung
    ? `${bwrap.path} gave no answer in time; is the machine very busy?`
    : `${bwrap.path} does not answer as bubblewrap`;
  return { ...basis, ...found, bwrap: version === null ? { missing: silent } : { path: bwrap.path, version } };
}

/** A refusal is never taken as kept: an administrator may have allowed it since, and the answer is cheap to get. */
function usable(kept: Probed | null): Probed | null {
  return kept?.userNamespaces === "ok" ? kept : null;
}

/**
 * What the answer depends on, as text: another boot, kernel, user, namespace or container (its files have inodes of
 * their own), another program, another cover over /proc.
 */
function probeKey(bootId: string, release: string, bwrap: AbsolutePath, request: KernelRequest): string {
  const { disk, uid, init } = request;
  const programs = [bwrap, init].map((path) => {
    if (path === null) return "-";
    const { identity, changed } = disk.look(path);
    return `${path} ${identity?.dev} ${identity?.ino} ${changed}`;
  });
  return ["1", bootId, release, uid, disk.link(NAMESPACE), ...disk.covers(PROC), ...programs].join("\n");
}
