// Loaded before the conformance suite: lets it run on Node 20, and gives its requests the headers that a server wants.
import http from "node:http";
import { register } from "node:module";
import { Agent, setGlobalDispatcher } from "undici";

// The suite imports `globSync`, which Node 20 has not, for a command that is not used here.
const files = 'export * from "node:fs"; export function globSync() { throw new Error("not on Node 20"); }';
const hook = `export const resolve = (name, context, next) =>
  name === "fs" && context.parentURL?.includes("/@modelcontextprotocol/conformance/")
    ? { url: ${JSON.stringify(moduleOf(files))}, shortCircuit: true }
    : next(name, context);`;
register(moduleOf(hook));

const headers = JSON.parse(process.env["CONFORMANCE_HEADERS"] ?? "{}");
if (Object.keys(headers).length > 0) {
  const withHeaders = (dispatch) => (options, handler) => {
    const all = Array.isArray(options.headers)
      ? [...options.headers, ...Object.entries(headers).flat()]
      : { ...(options.headers instanceof Headers ? Object.fromEntries(options.headers) : options.headers), ...headers };
    return dispatch({ ...options, headers: all }, handler);
  };
  setGlobalDispatcher(new Agent().compose(withHeaders));
  const { request } = http;
  http.request = (options, ...rest) =>
    request(Object.assign({}, options, { headers: Object.assign({}, options.headers, headers) }), ...rest);
}

function moduleOf(source) {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
