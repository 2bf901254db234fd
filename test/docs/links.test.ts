import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, it } from "vitest";
import { pages, projectRoot, proseOf } from "./pages.ts";

const links = pages.flatMap((page) =>
  proseOf(page).flatMap((line, index) =>
    [...line.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => ({ page, line: index + 1, target: match[1] ?? "" })),
  ),
);

it("there are links to look at", () => {
  expect(links.length).toBeGreaterThan(20);
});

it.each(links.map((link) => [`${link.page}:${link.line}`, link.target, link] as const))(
  "%s: %s leads somewhere in the project",
  (_, target, { page }) => {
    expect(target).not.toMatch(/^(?:\/|\w+:)/);
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : relative(projectRoot, join(projectRoot, dirname(page), path));
    expect(file).not.toMatch(/^\.\./);
    expect(existsSync(join(projectRoot, file))).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(file)).toContain(anchor);
  },
);

/** Headings as the usual renderers turn them into anchors. */
function anchorsOf(page: string): readonly string[] {
  return proseOf(page)
    .filter((line) => /^#+ /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, "")
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    );
}
