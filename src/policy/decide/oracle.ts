import type { Decision, Query } from "../model/decision.ts";
import { NetworkOracle } from "./network.ts";
import { PathOracle } from "./path.ts";
import { decideVariable } from "./environment.ts";
import type { Oracle, ResolvedPolicy } from "../model/resolved.ts";

/** Makes a resolved policy ready to be asked; a question then costs as many steps as its path has names. */
export function compile(resolved: ResolvedPolicy): Oracle {
  const paths = new PathOracle(resolved);
  let network: NetworkOracle | null = null;
  const hosts = (): NetworkOracle => (network ??= new NetworkOracle(resolved, paths));
  return {
    decide: (query: Query): Decision => {
      switch (query.op) {
        case "connect":
          return hosts().decideHost(query.host, query.port);
        case "dns":
          return hosts().decideHost(query.name, null);
        case "connect_unix":
          return hosts().decideSocket(query.path);
        case "bind":
          return hosts().decideBind();
        case "env":
          return decideVariable(resolved.environment, query.name);
        default:
          return paths.decide(query.op, query.path);
      }
    },
    suggest: (op, path) => paths.suggest(op, path),
    reach: (host, port) => hosts().reach(host, port),
    materialise: () => paths.tree.steps,
  };
}
