// node scripts/seccomp.mjs OUTDIR: writes the system call filters, from the built library.
import { writeSeccompPrograms } from "../dist/sandbox/linux/seccomp/index.js";

const [outdir] = process.argv.slice(2);
if (outdir === undefined) throw new Error("usage: seccomp.mjs OUTDIR");
writeSeccompPrograms(outdir);
