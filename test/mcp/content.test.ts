import { describe, expect, it } from "vitest";
import { withoutMedia } from "../../src/mcp/content.ts";

const image = { type: "image", data: "AAAA", mimeType: "image/png" };
const audio = { type: "audio", data: "BBBB", mimeType: "audio/wav" };
const text = { type: "text", text: "x", annotations: { audience: ["user"] } };
const link = { type: "resource_link", uri: "file:///a.png", name: "a" };
const said = (kind: string): object => ({
  type: "text",
  text: `<${kind} content omitted because you do not support ${kind} input>`,
});

describe("what somebody gets who takes text alone", () => {
  it.each<[what: string, result: unknown, shown: unknown]>([
    ["an image", { content: [image] }, { content: [said("image")] }],
    ["a sound", { content: [audio] }, { content: [said("audio")] }],
    [
      "both between others, in their order",
      { content: [text, image, link, audio, text] },
      { content: [text, said("image"), link, said("audio"), text] },
    ],
    [
      "everything besides",
      { content: [image], structuredContent: { image }, isError: true, _meta: { a: 1 }, other: [audio] },
      { content: [said("image")], structuredContent: { image }, isError: true, _meta: { a: 1 }, other: [audio] },
    ],
    ["blocks that are none", { content: [null, 7, "image"] }, { content: [null, 7, "image"] }],
    ["content that is none", { content: "image" }, { content: "image" }],
    ["no result", null, null],
  ])("%s", (_, result, shown) => {
    expect(withoutMedia(result)).toEqual(shown);
  });
});
