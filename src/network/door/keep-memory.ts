/** Larger than what the C library maps by itself, and no larger than what it learns from (`mallopt(3)`, 32 MiB). */
const BLOCK = 24 * 1024 * 1024;

/**
 * Lets the process keep the memory that traffic passes through. Each piece read is a buffer of its own, freed by the
 * collector in batches; the C library gives a free end of its heap back at once, and the next pieces fault it in again,
 * which takes longer than carrying them. Once a large block has come and gone, it keeps up to twice that.
 * The block is never touched, and so never there.
 */
export function keepMemory(): void {
  Buffer.allocUnsafeSlow(BLOCK);
}
