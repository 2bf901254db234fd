import { escapeText, SandboxedError } from "../../policy/index.ts";
import { BundleCache } from "./cache.ts";
import type { Kept } from "./cache.ts";
import { fetchBundle } from "./fetch.ts";
import type { Fetched } from "./fetch.ts";
import { rolledBack, verifyBundle } from "./verify.ts";
import type { Bundle, BundleSource } from "./verify.ts";
import type { ReadFile } from "../read.ts";
import type { SourceText } from "../source.ts";

export interface ObtainRequest {
  readonly from: BundleSource;
  /** Where bundles are kept. */
  readonly folder: string;
  readonly read: ReadFile;
  readonly now: number;
  /**
   * When a newer one is asked for that is due: in the background, at once and waited for, or not this time. `never`: nor
   * where none counts. Both of the last two keep no process alive.
   */
  readonly renew: "later" | "now" | "never";
}

export interface Obtained {
  readonly source: SourceText;
  readonly serial: number;
  readonly expires: number;
  /** Why the last look for a newer one failed; null when it did not. */
  readonly failure: string | null;
  /** When a newer one is due; milliseconds since 1970. */
  readonly due: number;
  readonly warnings: readonly string[];
  /** A look for a newer one that is under way; it never fails, and what it finds counts from the next start on. */
  readonly refreshed: Promise<void> | null;
}

/** Clocks of one machine differ that much between two looks at them. */
const tolerance = 5 * 60_000;

/** After which a start looks again when a look may still be under way. */
const soon = 60_000;

/**
 * The bundle that counts now: the one that is kept while it is in date, else a new one. Errors: `requirements_fetch`
 * and `requirements_expired` without one that counts, `requirements_rollback`, and those of `verifyBundle`.
 */
export async function obtainBundle({ from, folder, read, now, renew }: ObtainRequest): Promise<Obtained> {
  const cache = new BundleCache(folder, from, read);
  const kept = cache.load();
  const first = async (known: Kept | null): Promise<Obtained> => {
    if (renew === "never") throw new SandboxedError("requirements_fetch", `${escapeText(from.url)}: no bundle is kept`);
    return used(await update(cache, from, known, now, renew === "now"), from, now);
  };
  if (kept === null) return first(null);
  if (now < kept.seen - tolerance) {
    throw rolledBack("the clock", `it says ${time(now)}, and on this machine it was ${time(kept.seen)} before`);
  }
  const bundle = await counting(kept.bytes, from);
  if (bundle === null) return first(kept);
  if (bundle.expires <= now) {
    try {
      return await first(kept);
    } catch (cause) {
      if (!(cause instanceof SandboxedError) || cause.code !== "requirements_fetch") throw cause;
      throw expired(bundle, cause);
    }
  }
  const due = kept.asked + from.refresh;
  if (now < due || renew === "never") return holding(bundle, due, kept.failure);
  const noting = (error: unknown): string => {
    // The next start says so, and looks again.
    const failure = error instanceof Error ? error.message : String(error);
    ignoring(() => cache.keep({ ...kept, seen: Math.max(now, kept.seen), failure, failed: now }));
    return failure;
  };
  const again = now + Math.min(from.refresh, soon);
  if (renew === "now" || isOverdue(kept, from, now)) {
    try {
      return used(await update(cache, from, kept, now, renew === "now"), from, now);
    } catch (error) {
      return holding(bundle, again, noting(error));
    }
  }
  const refreshed = update(cache, from, kept, now, true).then(
    () => {},
    (error: unknown) => void noting(error),
  );
  return { ...holding(bundle, again, kept.failure), refreshed };
}

/**
 * A look in the background ends with the program: where none but short ones run, none comes to an answer. Then one start
 * waits for it, and no other for a while when that was in vain.
 */
function isOverdue({ asked, failed }: Kept, { refresh }: BundleSource, now: number): boolean {
  return now >= asked + 2 * refresh && now >= failed + Math.max(refresh, soon);
}

/** What was kept goes on to count. */
function holding({ source, serial, expires }: Bundle, due: number, failure: string | null): Obtained {
  const warnings = failure === null ? [] : [`${failure}; the bundle with serial ${serial} holds`];
  return { source, serial, expires, due, failure, warnings, refreshed: null };
}

/** What is kept, as it counts today: the system's file may ask for more than it did. */
async function counting(bytes: Buffer, from: BundleSource): Promise<Bundle | null> {
  try {
    return await verifyBundle(bytes, from);
  } catch (error) {
    if (error instanceof SandboxedError) return null;
    throw error;
  }
}

interface Updated {
  readonly kept: Kept;
  readonly bundle: Bundle;
}

/** Asks the server and keeps what it has, once that is found to be right and no older than what was known. */
async function update(
  cache: BundleCache,
  from: BundleSource,
  known: Kept | null,
  now: number,
  inBackground: boolean,
): Promise<Updated> {
  const { url, authorities } = from;
  const fetched: Fetched = await fetchBundle({ url, authorities, etag: known?.etag ?? null, inBackground });
  const next =
    fetched.kind === "same" && known !== null
      ? known
      : fetched.kind === "new"
        ? { bytes: fetched.bytes, etag: fetched.etag }
        : null;
  if (next === null)
    throw new SandboxedError("requirements_fetch", `${url}: the server has nothing new, and nothing is kept`);
  const bundle = await verifyBundle(next.bytes, from);
  // Another start may have kept a newer one meanwhile.
  const latest = cache.load() ?? known;
  if (latest !== null) await refuseOlder(bundle, next.bytes, latest, from);
  const kept: Kept = { ...next, asked: now, seen: Math.max(now, known?.seen ?? 0), failure: null, failed: 0 };
  if (bundle.expires > now) {
    cache.keep(kept);
    // Whoever notes what was read knows what is there now.
    cache.load();
  }
  return { kept, bundle };
}

async function refuseOlder(bundle: Bundle, bytes: Buffer, known: Kept, from: BundleSource): Promise<void> {
  const before = await counting(known.bytes, { ...from, minSerial: 0 });
  if (before === null) return;
  const { name } = bundle.source;
  if (bundle.serial < before.serial)
    throw rolledBack(name, `its serial ${bundle.serial} is lower than ${before.serial}, which was seen before`);
  if (bundle.serial === before.serial && !bytes.equals(known.bytes)) {
    throw rolledBack(name, `there are two bundles with serial ${bundle.serial}`);
  }
}

function used({ bundle }: Updated, { refresh }: BundleSource, now: number): Obtained {
  if (bundle.expires <= now) throw expired(bundle);
  return holding(bundle, now + refresh, null);
}

function expired({ source, serial, expires }: Bundle, cause?: SandboxedError): SandboxedError {
  const why = cause === undefined ? "" : `, and ${cause.message}`;
  return new SandboxedError(
    "requirements_expired",
    `the requirements at ${source.name} (serial ${serial}) were good until ${time(expires)}${why}`,
    {
      hint: "connect to the network, or ask the administrator for a new bundle",
      ...(cause !== undefined && { cause, ...(cause.statusCode !== null && { statusCode: cause.statusCode }) }),
    },
  );
}

function ignoring(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
  }
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
