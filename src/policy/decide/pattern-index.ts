import type { DomainPattern, Host } from "../names/host.ts";

interface Patterned {
  readonly pattern: DomainPattern;
}

/**
 * Rules by the host in their pattern. A look-up costs as many steps as the name has labels, or as there are different
 * lengths of blocks, however many rules there are.
 */
export class PatternIndex<T extends Patterned> {
  readonly #byName = new Map<string, T[]>();
  /** By length of the block, then by its leading bits. */
  readonly #byBlock = new Map<number, Map<bigint, T[]>>();

  constructor(rules: readonly T[]) {
    for (const rule of rules) {
      const { what } = rule.pattern;
      if (what.kind !== "block") {
        put(this.#byName, what.name, rule);
        continue;
      }
      const { bits, first } = what.block;
      const blocks = this.#byBlock.get(bits) ?? new Map<bigint, T[]>();
      this.#byBlock.set(bits, blocks);
      put(blocks, first >> BigInt(128 - bits), rule);
    }
  }

  /** All rules that may cover the host, and a few that do not: the caller looks at kind and port. */
  candidates(host: Host): readonly T[] {
    const found: T[] = [];
    if (host.kind === "address") {
      for (const [bits, blocks] of this.#byBlock) found.push(...(blocks.get(host.bits >> BigInt(128 - bits)) ?? []));
      return found;
    }
    for (let { name } = host; ; name = name.slice(name.indexOf(".") + 1)) {
      found.push(...(this.#byName.get(name) ?? []));
      if (!name.includes(".")) return found;
    }
  }
}

function put<K, T>(map: Map<K, T[]>, key: K, rule: T): void {
  const rules = map.get(key);
  if (rules === undefined) map.set(key, [rule]);
  else rules.push(rule);
}
