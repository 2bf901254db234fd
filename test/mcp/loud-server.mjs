// A server over standard streams for what a relay may hold: floods, reads late or never, lists no tools.
import { createInterface } from "node:readline";

const [mode = "", count = "0"] = process.argv.slice(2);
const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const data = "x".repeat(1024 * 1024);

function flood(left) {
  for (let at = left; at > 0; at--) {
    if (!say({ method: "notifications/message", params: { level: "info", data } })) {
      return process.stdout.once("drain", () => flood(at - 1));
    }
  }
}

let read = 0;
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { id, method } = JSON.parse(line);
  if (method === "notifications/x") read += 1;
  if (read === Number(count) && method === "notifications/x") say({ method: "notifications/read", params: { read } });
  if (method === "ping") say({ id, result: {} });
  if (method !== "start") return;
  say({ method: "notifications/started" });
  if (mode === "floods") flood(Number(count));
  if (mode === "late" || mode === "deaf") process.stdin.pause();
  if (mode === "late") setTimeout(() => process.stdin.resume(), 2000);
  if (mode === "deaf") setInterval(() => {}, 1000);
});
