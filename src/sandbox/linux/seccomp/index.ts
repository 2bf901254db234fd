/**
 * The system call filter: `sandbox-profiles/seccomp.toml`, read into a table and assembled into the bytes the kernel
 * loads. A launch needs only the name of the file that the build wrote.
 */
export { assemble } from "./compile.ts";
export { disassemble } from "./disassemble.ts";
export { seccompFileName } from "./file-name.ts";
export { writeSeccompPrograms } from "./programs.ts";
export {
  type Answer,
  type Condition,
  parseTable,
  type Rule,
  type SeccompArch,
  seccompArchs,
  type SeccompVariant,
  seccompVariants,
  type Table,
} from "./table.ts";
