// Everything that answers in a world of its own: names, web servers, registries and plain TCP servers. What comes in is
// written, a JSON object a line, to the file named first, at once: whoever reads it afterwards misses nothing.
//
//     node main.mjs LOG FOLDER
//
// FOLDER holds `ca.pem`, `server.pem` and `server.key`, and `git/`, repositories to be served. Prints `ready`, and ends
// when its standard input does.
import { appendFileSync } from "node:fs";
import { serveNames } from "./names.mjs";
import { servePlain } from "./plain.mjs";
import { serveWeb } from "./web.mjs";

const [log, folder] = process.argv.slice(2);
const note = (kind, what) => appendFileSync(log, `${JSON.stringify({ kind, ...what })}\n`);

await Promise.all([serveNames(note), serveWeb(note, folder), servePlain(note)]);
process.stdout.write("ready\n");
process.stdin.resume().on("end", () => process.exit(0));
