import { expect, it } from "vitest";
import { boundedFetch } from "../../src/mcp/http/bounded.ts";

const token = "of-the-login-4711";

it.each([
  ["the text of an error does not hold the token that it was sent for", 401, "bad token *****, bad *****"],
  ["an answer is left as it is", 200, `bad token ${token}, bad Bearer ${token}`],
])("%s", async (_, status, text) => {
  const said = `bad token ${token}, bad Bearer ${token}`;
  const fetch = boundedFetch(
    () => Promise.resolve(new Response(said, { status, headers: { "content-type": "text/plain" } })),
    () => {},
  );
  const response = await fetch("http://127.0.0.1/", { headers: { authorization: `Bearer ${token}` } });
  expect(await response.text()).toBe(text);
});
