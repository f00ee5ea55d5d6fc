import { open } from 'node:fs/promises';

interface LogLine {
  level?: number;
  msg?: string;
  problems?: string[];
  error?: string;
}

/** What a person must know of one line of a process's JSON log: errors, with the problems that they name. Undefined: nothing. Pure. */
export function errorOf(line: string): string | undefined {
  let read: LogLine;
  try {
    read = JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
  if (typeof read.level !== 'number' || read.level < 50) return undefined;
  return [
    read.error === undefined ? read.msg : `${read.msg}: ${read.error}`,
    ...(read.problems ?? []).map((problem) => `  ${problem}`),
  ].join('\n');
}

/** Reads what is added to a log file and gives its errors to `say`; the function that it gives back ends that. */
export function followErrors(file: string, say: (line: string) => void, everyMs = 500): () => void {
  let offset = 0;
  let rest = '';
  let isReading = false;
  const look = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    try {
      await using handle = await open(file);
      const buffer = Buffer.alloc(65_536);
      for (
        let { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
        bytesRead > 0;
        { bytesRead } = await handle.read(buffer, 0, buffer.length, offset)
      ) {
        offset += bytesRead;
        const lines = (rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
        rest = lines.pop()!;
        for (const line of lines) {
          const error = errorOf(line);
          if (error !== undefined) say(error);
        }
      }
    } catch {
      // The file is not there yet, or not any more.
    } finally {
      isReading = false;
    }
  };
  const timer = setInterval(() => void look(), everyMs).unref();
  return () => clearInterval(timer);
}
