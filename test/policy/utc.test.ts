import { expect, it } from "vitest";
import { utcText } from "../../src/policy/index.ts";

it.each([
  ["the beginning", 0],
  ["the last millisecond of a leap day", Date.UTC(2028, 1, 29, 23, 59, 59, 999)],
  ["the first of a year", Date.UTC(2027, 0, 1)],
  ["a millisecond of one digit", Date.UTC(2026, 10, 5, 4, 3, 2, 1)],
  ["the last of four digits", Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
])("writes %s as Date does", (_, milliseconds) => {
  expect(utcText(milliseconds)).toBe(new Date(milliseconds).toISOString());
});
