import type { Decision, Query } from "./decision.ts";
import { NetworkOracle } from "./decide-network.ts";
import { PathOracle } from "./decide-path.ts";
import { decideVariable } from "./environment.ts";
import type { Oracle, ResolvedPolicy } from "./resolved.ts";

/** Makes a resolved policy ready to be asked; a question then costs as many steps as its path has names. */
export function compile(resolved: ResolvedPolicy): Oracle {
  const paths = new PathOracle(resolved);
  let network: NetworkOracle | null = null;
  const reach = (): NetworkOracle => (network ??= new NetworkOracle(resolved, paths));
  return {
    decide: (query: Query): Decision => {
      switch (query.op) {
        case "connect":
          return reach().decideHost(query.host, query.port);
        case "dns":
          return reach().decideHost(query.name, null);
        case "connect_unix":
          return reach().decideSocket(query.path);
        case "bind":
          return reach().decideBind();
        case "env":
          return decideVariable(resolved.environment, query.name);
        default:
          return paths.decide(query.op, query.path);
      }
    },
    materialise: () => paths.tree.steps,
  };
}
