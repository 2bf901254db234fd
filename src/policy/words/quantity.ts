import { SandboxedError } from "./error.ts";

const durations = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

const sizes = new Map([
  ["", 1],
  ["B", 1],
  ["kB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
  ["TB", 1e12],
  ["K", 1024],
  ["M", 1024 ** 2],
  ["G", 1024 ** 3],
  ["T", 1024 ** 4],
  ["KiB", 1024],
  ["MiB", 1024 ** 2],
  ["GiB", 1024 ** 3],
  ["TiB", 1024 ** 4],
]);

/** `"90s"`, `"1h30m"`, `"250ms"`, or seconds as a number, to milliseconds. Errors: `policy_invalid`. */
export function parseDuration(value: string | number): number {
  const text = typeof value === "number" ? `${value}s` : value.trim();
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy)];
  const total = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (durations.get(unit ?? "") ?? Number.NaN),
    0,
  );
  const complete = parts.map(([part]) => part).join("") === text;
  if (complete && total > 0 && Number.isSafeInteger(Math.round(total))) return Math.round(total);
  throw new SandboxedError("policy_invalid", `${JSON.stringify(value)} is not a duration`, {
    hint: 'write it as "90s", "10m" or "1h30m", or as a number of seconds',
  });
}

/** `"2GiB"`, `"500MB"`, `"64K"`, or bytes as a number, to bytes. Errors: `policy_invalid`. */
export function parseSize(value: string | number): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(typeof value === "number" ? String(value) : value.trim());
  const bytes = Math.floor(Number(match?.[1]) * (sizes.get(match?.[2] ?? "") ?? Number.NaN));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new SandboxedError("policy_invalid", `${JSON.stringify(value)} is not a size`, {
    hint: 'write it as "512MiB" or "2GB", or as a number of bytes',
  });
}

/** The shortest spelling that `parseDuration` reads back. */
export function formatDuration(milliseconds: number): string {
  for (const [unit, factor] of [...durations].toReversed()) {
    if (milliseconds % factor === 0) return `${milliseconds / factor}${unit}`;
  }
  return `${milliseconds}ms`;
}

/** The largest binary unit that loses nothing. */
export function formatSize(bytes: number): string {
  for (const unit of ["TiB", "GiB", "MiB", "KiB"]) {
    const factor = sizes.get(unit) ?? 1;
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}
