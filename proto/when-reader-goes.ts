/**
 * Calls `gone` when whoever reads one of `streams` is gone, as in `npm start | head`: without a listener, Node ends the process with a stack.
 * It may be called again. Any other error of them is thrown.
 */
export function whenReaderGoes(streams: readonly NodeJS.WritableStream[], gone: () => void): void {
  for (const stream of streams)
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      gone();
    });
}
