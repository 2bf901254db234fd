import { escapeText } from "../../policy/index.ts";
import type { ToolDefinition } from "../catalogue.ts";

/** What a reader does not see and a model reads: format and tag characters, odd controls, fillers, private use. */
const hidden = /(?![\n\r\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** The parts of a definition with hidden characters in them, as paths: `description`, `inputSchema.properties.x`. */
export function hiddenCharacters(tool: ToolDefinition): readonly string[] {
  const found: string[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value === "string") {
      if (hidden.test(value)) found.push(path);
    } else if (typeof value === "object" && value !== null) {
      for (const [name, member] of Object.entries(value)) {
        const below = path === "" ? name : `${path}.${name}`;
        if (hidden.test(name)) found.push(escapeText(below));
        look(member, below);
      }
    }
  };
  look(tool, "");
  return found;
}

/** The same text with what is hidden made visible, lines kept. */
export function visible(text: string): string {
  return hidden.test(text) ? text.split("\n").map(escapeText).join("\n") : text;
}
