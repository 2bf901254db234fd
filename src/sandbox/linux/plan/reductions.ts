import type { ResolvedPolicy } from "../../../policy/index.ts";
import type { HostFacts } from "../../facts.ts";
import type { Reduction } from "../../plan.ts";

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);

/** What this launch cannot promise for its whole length, told in the report and by `doctor`. */
export function reductions(
  resolved: ResolvedPolicy,
  facts: HostFacts,
  has: { readonly absent: boolean; readonly door: boolean },
): readonly Reduction[] {
  const list: Reduction[] = [];
  if (resolved.layers.some(({ denyGlobs }) => denyGlobs.length > 0)) {
    list.push({ rule: "deny globs", holds: "snapshot", why: "files that match after the start are not covered" });
  }
  if (facts.protectedPaths.some(({ kind }) => kind === "missing")) {
    list.push({ rule: "protected names that do not exist yet", holds: "watched", why: "moved aside when they appear" });
  }
  if (has.door && PROXIES.some((name) => (facts.environment.get(name) ?? "") !== "")) {
    list.push({
      rule: "addresses of allowed hosts",
      holds: "no",
      why: "a proxy of your own environment looks the names up and connects",
    });
  }
  if (has.absent) {
    list.push({
      rule: "denied paths that do not exist yet",
      holds: "watched",
      why: "moved aside when the program has ended",
    });
  }
  list.push({
    rule: "unix sockets",
    holds: "snapshot",
    why: "sockets bound after the start in a granted directory are visible",
  });
  list.push({
    rule: "memory, home size",
    holds: "watched",
    why: "measured at intervals, the tree is killed above the limit",
  });
  if (facts.kernel.landlockAbi === 0) {
    list.push({ rule: "second layer", holds: "no", why: "this kernel has no Landlock" });
  }
  return list;
}
