import { setTimeout as sleep } from 'node:timers/promises';
import type { ManagedProcess } from '../test/mesh/managed-process.ts';

/** Long enough that one sees what a loss does, short enough to go on trying things. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;
/** A process that lived this long starts over with the first pause. */
const STABLE_MS = 20_000;

/** Starts a process again whenever it ends unasked, after a pause that doubles while it keeps ending. Says which, and why. */
export function supervise(process: ManagedProcess, say: (line: string) => void, signal: AbortSignal): void {
  let pauseMs = FIRST_PAUSE_MS;
  let startedMs = performance.now();
  const startAgain = async (why: string): Promise<void> => {
    if (performance.now() - startedMs > STABLE_MS) pauseMs = FIRST_PAUSE_MS;
    say(`${process.name} ${why}; starting it again in ${pauseMs / 1000} s`);
    await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    startedMs = performance.now();
    try {
      await process.start();
      say(`${process.name} is up again (pid ${process.pid})`);
    } catch (error) {
      if (!signal.aborted) await startAgain(`does not start: ${(error as Error).message}`);
    }
  };
  process.onCrash = ({ code, signal: by }, logTail) => {
    // A person who sends SIGKILL knows why. Any other end is explained by what the process said last.
    if (!signal.aborted)
      void startAgain(
        by === 'SIGKILL' ? 'was killed' : `ended (${by ?? `exit code ${code}`}), its last words:\n${logTail}\n`,
      );
  };
}
