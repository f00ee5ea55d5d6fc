import { isoTime } from '../../proto/iso-time.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DoctorCheck } from '../admin/doctor.ts';
import { doctorChanges, type DoctorChange } from './doctor-changes.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { Output } from './output.ts';
import { plain } from './table.ts';

const MARK = { good: 'ok  ', warning: 'warn', bad: 'BAD ', unknown: '?   ', gone: 'gone' };

const format = (atMs: number, { area, name, was, verdict, description, advice }: DoctorChange): string =>
  [
    `${isoTime(atMs).slice(11, 19)}  ${MARK[verdict]}  ${area.padEnd(14)}  ${plain(name)}: ${plain(description)}${was === null ? '' : ` (was ${was})`}`,
    ...(advice === null ? [] : [`${' '.repeat(32)}${advice}`]),
  ].join('\n');

/** Goes through the checklist until Ctrl-C, and shows what changed. A control plane that is away is waited for, and told of once. */
export async function watchDoctor(look: () => Promise<DoctorCheck[]>, out: Output, everyMs: number): Promise<void> {
  const stop = new AbortController();
  const interrupted = (): void => stop.abort();
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  let before: DoctorCheck[] | null = null;
  let isAway = false;
  while (!stop.signal.aborted) {
    const atMs = Date.now();
    try {
      const checks = await look();
      if (before === null || isAway) out.progress(`${checks.length} checks, again every ${everyMs / 1000} s`);
      isAway = false;
      for (const change of doctorChanges(before, checks)) out.line({ atMs, ...change }, () => format(atMs, change));
      before = checks;
    } catch (error) {
      if (before === null || !(error instanceof CliError) || error.exitCode !== EXIT.unavailable) throw error;
      if (!isAway) out.progress(error.message);
      isAway = true;
    }
    await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => {});
  }
  out.settle();
}
