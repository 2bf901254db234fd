import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";

const OTHERS = 0o077;

/**
 * A file that the tool wrote for itself. Null when it is not there, is larger than `limit` bytes, or when anybody but
 * the user could have written it.
 */
export function readOwnFile(folder: string, name: string, uid: number, limit: number): string | null {
  if (!ownFolder(folder, uid)) return null;
  let descriptor;
  try {
    descriptor = openSync(`${folder}/${name}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const stat = fstatSync(descriptor);
    const own = stat.isFile() && stat.uid === uid && (stat.mode & OTHERS) === 0 && stat.nlink === 1;
    return own && stat.size <= limit ? readFileSync(descriptor, "utf8") : null;
  } catch {
    return null;
  } finally {
    closeSync(descriptor);
  }
}

/** Keeps it for the next run, where the launch has made the folder; not keeping it costs time, never the run. */
export function keepOwnFile(folder: string, name: string, uid: number, text: string): void {
  const draft = `${folder}/${name}.${process.pid}`;
  try {
    if (!ownFolder(folder, uid)) return;
    const descriptor = openSync(
      draft,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      writeSync(descriptor, text);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, `${folder}/${name}`);
  } catch {
    try {
      unlinkSync(draft);
    } catch {
      // it was never made
    }
  }
}

function ownFolder(folder: string, uid: number): boolean {
  try {
    const stat = lstatSync(folder);
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o022) === 0;
  } catch {
    return false; // it is not there, or nobody lets us look
  }
}
