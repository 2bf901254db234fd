import type { AbsoluteTarget } from "../names/authority.ts";
import type { Answer } from "../decide/gate.ts";

/** One request. Headers are name and value in turn, without those of framing and routing. */
export interface FetchRequest {
  readonly url: FetchTarget;
  readonly method: string;
  readonly headers: readonly string[];
  readonly body: Buffer | null;
}

export type FetchTarget = AbsoluteTarget & { readonly scheme: "http" | "https" };

export interface FetchOptions {
  /** What is kept of the answer's body, in bytes. */
  readonly mostBytes: number;
  /** Ends it at once; what `fetch` throws then is the signal's reason. */
  readonly signal: AbortSignal;
  /**
   * Called with each request, redirected ones too, once the policy lets it pass and before a name is looked up or
   * anything is connected. What it throws ends the fetch.
   */
  readonly before: (request: FetchRequest) => Promise<void>;
}

/** What a server answered. */
export interface Fetched {
  /** Of the last request. */
  readonly url: FetchTarget;
  readonly redirects: number;
  readonly status: number;
  /** Name and value in turn. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** There was more of the body than was kept. */
  readonly isTruncated: boolean;
}

/** Fetches for whoever has the session's word for it, by the rules of the run's door. */
export interface Fetcher {
  fetch(request: FetchRequest, options: FetchOptions): Promise<Answer<Fetched>>;
}
