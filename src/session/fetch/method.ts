import { authorityOf } from "../../network/index.ts";
import type { Fetcher, FetchRequest } from "../../network/index.ts";
import { SessionError } from "../error.ts";
import type { Json } from "../json.ts";
import type { Call, MethodDefinition } from "../method.ts";
import { fetchParams } from "./parameters.ts";
import { refusedFetch, resultOf, textOfUrl } from "./result.ts";

/** Of one run at a time: each keeps what it receives in memory. */
const MOST_OPEN = 32;

/** `session.fetch`. `fetcher` is null until the run's door is open. */
export function fetchMethod(fetcher: () => Fetcher | null): MethodDefinition {
  let open = 0;
  return {
    name: "session.fetch",
    capability: "network",
    asksItself: true,
    acts: "batched",
    subjectsOf: (params) => [authorityOf(fetchParams(params).request.url.target)],
    async handle(call) {
      const through = fetcher();
      if (through === null) {
        throw new SessionError("overloaded", "the run's network is not open yet", { retryable: true });
      }
      if (open >= MOST_OPEN) {
        throw new SessionError("overloaded", `${MOST_OPEN} fetches of the run are open`, { retryable: true });
      }
      open += 1;
      try {
        return await fetchFor(call, through);
      } finally {
        open -= 1;
      }
    },
  };
}

async function fetchFor(call: Call, fetcher: Fetcher): Promise<Json> {
  const { request, mostBytes, timeout } = fetchParams(call.params);
  const tooLong = new AbortController();
  const timer = setTimeout(() => {
    tooLong.abort(new SessionError("timed_out", `nothing came of it within ${timeout} ms`, { retryable: true }));
  }, timeout);
  const signal = AbortSignal.any([call.signal, tooLong.signal]);
  try {
    const answer = await untilAborted(
      signal,
      fetcher.fetch(request, { mostBytes, signal, before: (next) => mayGo(call, request, next) }),
    );
    if (!answer.ok) throw refusedFetch(answer.refusal);
    return resultOf(answer.value);
  } finally {
    clearTimeout(timer);
  }
}

/** The policy lets it pass; here it is the capability's turn, and where that asks, a person's. */
async function mayGo(call: Call, first: FetchRequest, { url, method, headers, body }: FetchRequest): Promise<void> {
  const subject = authorityOf(url.target);
  if (!call.covers(subject)) {
    throw new SessionError(
      "not_granted",
      `the redirect to ${subject} leads to where the network capability does not reach`,
      {
        capability: `network=${subject}`,
        hint: `start the run with --grant 'network=${subject}'`,
      },
    );
  }
  const isFirst = url === first.url;
  await call.approve({
    title: `${isFirst ? "Fetch" : "Follow a redirect"}: ${method} ${textOfUrl(url)}`,
    data: { headers: pairs(headers), body: body === null ? null : body.toString() },
  });
}

function pairs(headers: readonly string[]): Json {
  return headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ""}`] : []));
}

/** Some of what is waited for cannot be called off, as a question about the host. */
function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is the error that the call ends with
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
