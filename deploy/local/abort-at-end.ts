import { whenReaderGoes } from '../../proto/when-reader-goes.ts';

/**
 * Aborts `end` once a command is to end: by a signal, because with-node.js was killed, or because nobody reads what it prints.
 * Ctrl-C comes from the terminal and from with-node.js: the first one counts.
 */
export function abortAtEnd(end: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => end.abort(new Error(`stopped by ${signal}`)));
  process.once('disconnect', () => end.abort(new Error('the starting process is gone')));
  process.channel?.unref();
  whenReaderGoes([process.stdout, process.stderr], () => end.abort(new Error('nobody reads what it says any more')));
}
