import { readProjectFile } from "./pages.ts";

/** The words of `type NAME = "a" | "b"`, as the source has them. */
export function unionWords(file: string, name: string): readonly string[] {
  const body = new RegExp(`type ${name} =([^;]*);`).exec(readProjectFile(file))?.[1];
  if (body === undefined) throw new Error(`${file} has no type ${name}`);
  return [...withoutComments(body).matchAll(/(?:^|[ |])"([^"]+)"/gm)].map((match) => match[1] ?? "");
}

/** The fields of `interface NAME { … }`: those of a table inside one as `outer.inner`. */
export function fieldNames(file: string, name: string): readonly string[] {
  const source = withoutComments(readProjectFile(file));
  const body = new RegExp(`interface ${name}(?: extends \\w+)? \\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1];
  if (body === undefined) throw new Error(`${file} has no interface ${name}`);
  return body
    .split(/\n(?= {2}\S)/)
    .map((member) => member.trim())
    .filter((member) => member !== "")
    .flatMap((member) => {
      const [outer = "", ...inner] = [...member.matchAll(/readonly (\w+)\??:/g)].map((match) => match[1] ?? "");
      return [outer, ...inner.map((field) => `${outer}.${field}`)];
    });
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}
