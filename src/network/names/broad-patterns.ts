import { at, parseDomainPattern, SandboxedError } from "../../policy/index.ts";
import type { DomainRule } from "../../policy/index.ts";

/**
 * Refuses rules that allow everything below a public suffix: `*.co.uk` and `*.github.io` belong to whoever registers a
 * name there. What denies such names stays. The list of suffixes is large and loaded only when a rule needs it.
 * Errors: `policy_invalid`, with file and line.
 */
export async function refuseBroadPatterns(domains: readonly DomainRule[]): Promise<void> {
  const wide = domains.flatMap((rule) => {
    const { what } = parseDomainPattern(rule.pattern);
    return rule.access === "allow" && what.kind !== "block" && what.kind !== "exact" ? [{ rule, name: what.name }] : [];
  });
  if (wide.length === 0) return;
  const { getPublicSuffix } = await import("tldts");
  for (const { rule, name } of wide) {
    if (getPublicSuffix(name, { allowPrivateDomains: true }) !== name) continue;
    throw new SandboxedError(
      "policy_invalid",
      `${at(rule.provenance)}${JSON.stringify(rule.pattern)} covers names of anybody: ${name} is a public suffix`,
      { hint: `name the hosts, or one domain below it: "*.yours.${name}"` },
    );
  }
}
