import { describe, expect, it } from "vitest";
import { overrideOf, readingsOf } from "../../../src/network/http/override.ts";

const read = (path: string, headers: Readonly<Record<string, string>> = {}): readonly string[] | undefined =>
  readingsOf(
    "POST",
    path,
    Object.entries(headers).flatMap(([name, value]) => overrideOf(name.toLowerCase(), value) ?? []),
  )?.map((reading) => `${reading.method} ${reading.path}`);

describe("the ways in which a request can be read", () => {
  it.each<readonly [string, string, Readonly<Record<string, string>>, readonly string[]]>([
    ["as it stands", "/a?x=%41", { "X-Other": "DELETE", Accept: "x" }, ["POST /a?x=%41"]],
    ["another method", "/a", { "X-HTTP-Method-Override": "delete" }, ["DELETE /a", "POST /a"]],
    ["with underscores", "/a", { X_HTTP_METHOD: "PUT" }, ["PUT /a", "POST /a"]],
    ["several", "/a", { "X-Method-Override": "GET, PUT" }, ["GET /a", "PUT /a", "POST /a"]],
    ["another path", "/a", { "X-Original-URL": "/b" }, ["POST /b", "POST /a"]],
    ["both", "/a", { "x-rewrite-url": "/b", "x-http-method": "PUT" }, ["PUT /a", "POST /b", "PUT /b", "POST /a"]],
    ["in the query", "/a?_method=put", {}, ["PUT /a?_method=put", "POST /a?_method=put"]],
    ["in an encoded query", "/a?%5Fmethod=PUT", {}, ["PUT /a?%5Fmethod=PUT", "POST /a?%5Fmethod=PUT"]],
    ["behind a semicolon", "/a?b;_method=PUT", {}, ["PUT /a?b;_method=PUT", "POST /a?b;_method=PUT"]],
  ])("%s", (_, path, headers, readings) => expect(read(path, headers)).toEqual(readings));
});
