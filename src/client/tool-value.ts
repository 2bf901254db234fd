import { isObject, SessionError } from "./errors.ts";

/** What a tool meant: its structured result; else its text, as JSON where it is; else the parts as they came. */
export function valueOf(result: unknown): unknown {
  if (!isObject(result)) return result;
  const parts: readonly unknown[] = Array.isArray(result["content"]) ? result["content"] : [];
  const texts = parts.flatMap((part) => (isObject(part) && typeof part["text"] === "string" ? [part["text"]] : []));
  if (result["isError"] === true)
    throw new SessionError("tool_failed", texts.join("\n") || "the tool failed", { result });
  const structured = result["structuredContent"];
  if (isObject(structured)) {
    // Tools may only structure objects, so that whoever returns a list puts it under this name.
    const names = Object.keys(structured);
    return names.length === 1 && names[0] === "result" ? structured["result"] : structured;
  }
  const [text] = texts;
  if (parts.length !== 1 || text === undefined) return parts;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
