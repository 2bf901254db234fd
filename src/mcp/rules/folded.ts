/** One spelling for all that readers take for one name when they do not tell capitals and look-alikes apart. */
export function folded(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
