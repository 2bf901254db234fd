/**
 * A time in milliseconds since 1970 as ISO 8601 writes it, like `toISOString` of `Date`, which has the time zone of the
 * system looked up before its first answer, though none in UTC depends on that.
 */
export function utcText(milliseconds: number): string {
  const date = new Date(milliseconds);
  const day = [digits(date.getUTCFullYear(), 4), digits(date.getUTCMonth() + 1, 2), digits(date.getUTCDate(), 2)];
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map((part) => digits(part, 2));
  return `${day.join("-")}T${clock.join(":")}.${digits(date.getUTCMilliseconds(), 3)}Z`;
}

function digits(number: number, count: number): string {
  return String(number).padStart(count, "0");
}
