import { EXIT, CliError } from './exit-code.ts';
import { STREAM_ENDED, type Client } from './client.ts';

/** A stream that has brought nothing for this long says that it waits. */
const QUIET_MS = 1000;

/**
 * Lines of a stream without an end, until Ctrl-C; both ways of ending are no error.
 * `quiet`: what standard error says when nothing comes at first, so that silence is not taken for a fault.
 */
export async function untilInterrupted<T>(
  client: Client,
  path: string,
  show: (line: T) => void,
  quiet?: string,
): Promise<void> {
  const stop = new AbortController();
  const interrupted = (): void => stop.abort();
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  // A pipe that nobody reads any more, as of `head`.
  process.stdout.once('error', interrupted);
  const waiting =
    quiet === undefined ? undefined : setTimeout(() => process.stderr.write(`holdfast: ${quiet}\n`), QUIET_MS);
  try {
    for await (const line of client.lines<T>(path, stop.signal)) {
      clearTimeout(waiting);
      show(line);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return;
  } finally {
    clearTimeout(waiting);
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
  if (!stop.signal.aborted) throw new CliError(EXIT.unavailable, STREAM_ENDED);
}

/** `?a=b` of what was said; empty without. */
export function queryOf(wanted: Record<string, string | undefined>): string {
  const said = Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return said.length === 0 ? '' : `?${new URLSearchParams(said)}`;
}
