import type { Answer } from "../decide/gate.ts";
import { Pool } from "../http/pool.ts";
import { refusedEvent } from "../decide/refusal.ts";
import { decideFetch, refused, type FetchParts, type Secure } from "./decide.ts";
import { exchange } from "./exchange.ts";
import type { FetchOptions, FetchRequest, Fetched, Fetcher } from "./model.ts";
import { redirected } from "./redirect.ts";

const MOST_REDIRECTS = 5;

/** A fetcher behind the gate of a door; `close` ends what is open. Each redirect is decided like a request of its own. */
export function makeFetcher(parts: FetchParts): Fetcher & { readonly close: () => void } {
  const pool = new Pool(0);
  let isClosed = false;
  const secure = securing(parts);

  const fetchOne = async (request: FetchRequest, options: FetchOptions) => {
    const found = await decideFetch(parts, request, options, secure);
    const decided = isClosed ? refused(request, "draining", "The run is over.") : found;
    const answer = decided.ok ? await exchange(parts, pool, request, decided.value, options) : decided;
    if (!answer.ok) parts.observe(refusedEvent(answer.refusal));
    return answer;
  };
  return {
    async fetch(request, options): Promise<Answer<Fetched>> {
      let current = request;
      for (let redirects = 0; ; redirects++) {
        // oxlint-disable-next-line no-await-in-loop -- one redirect after the other
        const answer = await fetchOne(current, options);
        if (!answer.ok) return answer;
        const next = redirected(current, answer.value);
        if (next === null) return { ok: true, value: { ...answer.value, url: current.url, redirects } };
        if (typeof next === "string") return refused(current, "bad_request", next);
        if (redirects === MOST_REDIRECTS) {
          return refused(current, "bad_request", `The server redirects more than ${MOST_REDIRECTS} times.`);
        }
        current = next;
      }
    },
    close() {
      isClosed = true;
      pool.destroy();
    },
  };
}

/** Servers are verified as those of the door are. What that takes is loaded with the first address of https. */
function securing({ interception, limits }: FetchParts): Secure {
  const time = limits.connectTime;
  if (interception !== null) return (target, way) => Promise.resolve(interception.wayTo(target, way, time));
  let loaded: Promise<Secure> | null = null;
  return async (target, way) => {
    loaded ??= Promise.all([import("../intercept/trust.ts"), import("../intercept/secure-way.ts")]).then(
      ([{ systemCertificates, trusting }, { secureWay }]) => {
        const context = trusting(systemCertificates());
        return (to, along) => Promise.resolve(secureWay(along, to, context, time));
      },
    );
    return (await loaded)(target, way);
  };
}
