import { closeSync, constants, openSync, readSync } from 'node:fs';

/**
 * The first `maxBytes` bytes of a file, as latin1. For files that are read again while the process serves. A file that
 * became a pipe keeps nobody waiting, and one without an end fills no memory. Throws what the file system throws. By
 * default as much as the longest header that servers take.
 */
export function readSmallFile(file: string, maxBytes = 65_536): string {
  const bytes = Buffer.allocUnsafe(maxBytes);
  const opened = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return bytes.toString('latin1', 0, readSync(opened, bytes, 0, maxBytes, null));
  } finally {
    closeSync(opened);
  }
}
