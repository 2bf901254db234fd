import { escapeText } from "../../policy/index.ts";
import type { Json, JsonObject } from "../json.ts";
import { isList, isObject } from "./form.ts";

/**
 * Data from inside as lines for a person: a list of like objects as a table where it fits the width, everything else
 * as names and values, indented. All of it is there and escaped, each value on one line of its own.
 */
export function dataLines(data: Json, width: number): readonly string[] {
  if (data === null) return [];
  if (isList(data)) return listLines(data, width);
  return isObject(data) ? recordLines(data, "") : [scalar(data)];
}

function listLines(list: readonly Json[], width: number): readonly string[] {
  if (list.length === 0) return ["(an empty list)"];
  const rows = list.filter(isObject);
  const table = rows.length === list.length ? tableLines(rows, width) : null;
  return table ?? list.flatMap((entry, index) => entryLines(`${index + 1}.`, entry, ""));
}

/** Null where it would be wider than `width`. */
function tableLines(rows: readonly JsonObject[], width: number): readonly string[] | null {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => names.map((name) => (Object.hasOwn(row, name) ? scalar(row[name] ?? null) : "")));
  const all = [names.map((name) => escapeText(name)), ...cells];
  const widths = names.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const whole = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length);
  if (names.length === 0 || whole > width) return null;
  const numeric = names.map((name) => rows.every((row) => typeof row[name] === "number"));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        numeric[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join(GAP)
      .trimEnd();
  const [head = [], ...body] = all;
  return [line(head), widths.map((each) => "─".repeat(each)).join(GAP), ...body.map(line)];
}

const GAP = "  ";

function recordLines(record: JsonObject, indent: string): readonly string[] {
  const entries = Object.entries(record);
  if (entries.length === 0) return [`${indent}(nothing)`];
  return entries.flatMap(([name, value]) => entryLines(`${escapeText(name)}:`, value, indent));
}

function entryLines(label: string, value: Json, indent: string): readonly string[] {
  const deeper = `${indent}  `;
  if (isObject(value) && Object.keys(value).length > 0) return [`${indent}${label}`, ...recordLines(value, deeper)];
  if (isList(value) && value.length > 0) {
    const lines = value.flatMap((entry, index) => entryLines(`${index + 1}.`, entry, deeper));
    return [`${indent}${label}`, ...lines];
  }
  return [`${indent}${label} ${scalar(value)}`];
}

/** Text stands bare where nobody could take it for something else. */
function scalar(value: Json): string {
  const isPlain = typeof value === "string" && value !== "" && !/^[\s"\d{[-]|\s$|^(true|false|null)$/.test(value);
  return escapeText(isPlain ? value : JSON.stringify(value));
}
