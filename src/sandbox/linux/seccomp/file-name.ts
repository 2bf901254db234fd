import type { SeccompArch, SeccompVariant } from "./table.ts";

/** The file that holds the kernel's program, below `dist/seccomp/`. Apart from the rest: a launch needs no more. */
export function seccompFileName(arch: SeccompArch, variant: SeccompVariant): string {
  return `${arch}-${variant}.bpf`;
}
