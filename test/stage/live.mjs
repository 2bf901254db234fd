// A run whose policy becomes another one while its program runs, in whatever network this is started:
//
//     node live.mjs LIBRARY NETWORK NEXT SCRIPT
//
// NETWORK and NEXT are the tables of `network` as JSON, SCRIPT is for Python. When the program has printed `ready`, the
// second takes the place of the first and the program is given a line. What it prints comes out here.
import { pathToFileURL } from "node:url";

const [library, before, after, script] = process.argv.slice(2);
const { applyPatch, builtinProfile, equip, prepare, readProfile, resolve, start, withDefaults } = await import(
  pathToFileURL(library)
);
const provenance = { layer: "api", file: null, line: null, column: null, owner: "you" };
const session = { id: "live", openJournal: () => ({ append() {}, close() {} }) };

const policy = (network) => {
  const base = builtinProfile(":isolated");
  const patch = readProfile(base.name, { network: JSON.parse(network) }, () => provenance);
  return { layers: [{ layer: "api", profile: applyPatch(base, patch) }] };
};
const asked = { policy: policy(before), program: "python3", arguments: ["-c", script], session };
const prepared = await prepare(withDefaults(asked));
const { launchable, ...equipment } = await equip(prepared);
const streams = ["pipe", "pipe", "inherit"];
const running = start({ streams, session, explain: false, attended: false, ...equipment }, launchable);
const { stdin, stdout } = running.launch.child;
const door = await running.door();
stdin.on("error", () => {});
let said = "";
stdout.on("data", async (chunk) => {
  process.stdout.write(chunk);
  const wasReady = said.includes("ready\n");
  said += chunk;
  if (wasReady || !said.includes("ready\n")) return;
  await door.update(resolve(policy(after), prepared.resolved.places));
  // A second is what it may take until what is open is cut; the half of it does.
  setTimeout(() => stdin.end("changed\n"), 500);
});
process.exitCode = (await running.outcome).status ?? 1;
