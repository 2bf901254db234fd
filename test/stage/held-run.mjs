// A host that runs a program through the library, while somebody changes what the organisation requires:
//
//     node held-run.mjs LIBRARY PORT SCRIPT WRITABLE [late|door]
//
// The program may reach PORT of the host and write the folder WRITABLE. `late`: it starts a launch that it prepared, once
// it is given a line. `door`: given a line, it puts its own policy in force at the door again. Prints what the program
// prints, a line `change EFFECT` for each change it is told of, and at last its outcome as JSON.
import { once } from "node:events";
import { pathToFileURL } from "node:url";

const [library, port, script, writable, mode] = process.argv.slice(2);
const { applyPatch, builtinProfile, equip, prepare, readProfile, resolve, start, StaleLaunch, withDefaults } =
  await import(pathToFileURL(library));
const said = { layer: "api", file: null, line: null, column: null, owner: "you" };
const base = builtinProfile(":isolated");
const table = { filesystem: { [writable]: "write" }, network: { domains: { [`127.0.0.1:${port}`]: "allow" } } };
const policy = {
  layers: [
    {
      layer: "api",
      profile: applyPatch(
        base,
        readProfile(base.name, table, () => said),
      ),
    },
  ],
};
const session = { id: "held", openJournal: () => ({ append() {}, close() {} }) };
const prepared = await prepare(withDefaults({ policy, program: "python3", arguments: ["-c", script], session }));
const { launchable, ...equipment } = await equip(prepared);
if (mode === "late") {
  console.log("prepared");
  await once(process.stdin, "data");
}
try {
  const running = start(
    {
      ...equipment,
      session,
      streams: ["ignore", "pipe", "inherit"],
      explain: false,
      attended: false,
      onRequirements: ({ effect }) => console.log("change", effect),
    },
    launchable,
  );
  running.launch.child.stdout.pipe(process.stdout);
  if (mode === "door") {
    process.stdin.once("data", async () => {
      const door = await running.door();
      await door.update(resolve(policy, prepared.resolved.places));
      console.log("restored", door.restore(1));
    });
  }
  const { status, limit } = await running.outcome;
  console.log(JSON.stringify({ status, limit: limit?.name ?? null }));
} catch (error) {
  console.log(error instanceof StaleLaunch ? "stale" : String(error));
}
process.stdin.destroy();
