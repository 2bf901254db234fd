/**
 * Classic BPF as seccomp runs it: `struct sock_filter { u16 code; u8 jt; u8 jf; u32 k }`, little-endian, over a
 * `struct seccomp_data { int nr; u32 arch; u64 ip; u64 args[6] }`. See <linux/filter.h> and <linux/seccomp.h>.
 */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** The operations a seccomp program here is made of, by their encoding (class | size | source). */
export const op = {
  load: 0x20,
  and: 0x54,
  jump: 0x05,
  jumpEqual: 0x15,
  jumpAtLeast: 0x35,
  jumpAnyBit: 0x45,
  answer: 0x06,
} as const;

/** `BPF_MAXINSNS`. */
export const maxInstructions = 4096;
export const instructionSize = 8;

export const errno = { EPERM: 1, ENOSYS: 38, EAFNOSUPPORT: 97 } as const;
export const returnAllow = 0x7fff_0000;
export const returnErrno = 0x0005_0000;

/** `AUDIT_ARCH_*`: the machine and the bits for 64-bit and little-endian. */
export const auditArch = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const;

export const offsetNumber = 0;
export const offsetArch = 4;
/** Where the low half of an argument lies; both architectures are little-endian. */
export const offsetArgument = (index: number): number => 16 + 8 * index;

export function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * instructionSize);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    const at = index * instructionSize;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  }
  return bytes;
}

/** The inverse of `encode`; the length must be a whole number of instructions. */
export function decode(bytes: Uint8Array): readonly Instruction[] {
  if (bytes.length % instructionSize !== 0)
    throw new RangeError(`${bytes.length} bytes are no whole number of instructions`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / instructionSize }, (_, index) => {
    const at = index * instructionSize;
    return {
      code: view.getUint16(at, true),
      jt: view.getUint8(at + 2),
      jf: view.getUint8(at + 3),
      k: view.getUint32(at + 4, true),
    };
  });
}
