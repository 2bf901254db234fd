import { isTable } from "./catalogue.ts";

/** A result for somebody who takes text alone: images and sounds become words that say so; all else stays. */
export function withoutMedia(result: unknown): unknown {
  if (!isTable(result) || !Array.isArray(result["content"])) return result;
  return { ...result, content: result["content"].map(placeholder) };
}

/** A block as words. */
export function textOf(block: unknown): string {
  const shown = placeholder(block);
  if (isTable(shown) && typeof shown["text"] === "string") return shown["text"];
  return JSON.stringify(shown);
}

function placeholder(block: unknown): unknown {
  if (!isTable(block)) return block;
  const kind = block["type"];
  if (kind !== "image" && kind !== "audio") return block;
  return { type: "text", text: `<${kind} content omitted because you do not support ${kind} input>` };
}
