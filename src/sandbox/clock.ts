/** Milliseconds on a clock that is never set. The global `performance` would load ten modules of Node at a start. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
