import { sampleOutcome } from '../../../proto/testing/sample-outcome.ts';
import type { CallFilter, Watch } from '../../../proto/watch/watch-messages.ts';
import { CallWatches } from '../../../sidecar/watch/call-watches.ts';
import { atMost } from '../report/objectives.ts';
import type { Bench } from './main.ts';

const CALLS = 1_000_000;
/** Outcomes between two rounds of telling, as at 4,000 a second. */
const PER_ROUND = 1000;
/** A guarded call costs the sidecar at least 80 µs of CPU (`bench -- affinity`); 3 % of that. */
const MOST_US = 2.4;
const MOST_IDLE_US = 0.1;

const outcome = sampleOutcome({ tool: 'search', durationMs: 12, session: '1~a3f5' });

/** Microseconds per outcome, best of three, with what is told written as JSON. */
function cost(watches: readonly Pick<Watch, 'wants' | 'filter'>[]): number {
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    const watching = new CallWatches(() => 0);
    for (const [index, watch] of watches.entries()) watching.hear({ id: String(index), ...watch });
    const start = process.hrtime.bigint();
    for (let call = 0; call < CALLS; call++) {
      watching.note(outcome);
      if (call % PER_ROUND === 0) JSON.stringify([watching.takeCalls('g'), watching.takeTallies('g')]);
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / CALLS);
  }
  return best;
}

const tap = (filter: CallFilter) => ({ wants: 'calls' as const, filter });

export const bench: Bench = {
  description: 'what `holdfast top` and `holdfast tap` cost a gateway for each call',
  run: async () => ({
    objectives: [
      atMost('µs, nobody watches', MOST_IDLE_US, cost([])),
      atMost('µs, a filter that fits nothing', MOST_US, cost([tap({ tool: 'pay' })])),
      atMost('µs, a tap of everything', MOST_US, cost([tap({})])),
      atMost('µs, a table', MOST_US, cost([{ wants: 'tallies', filter: {} }])),
      atMost(
        'µs, eight watches',
        MOST_US,
        cost([...Array.from({ length: 7 }, () => tap({ tool: 'pay' })), { wants: 'tallies', filter: {} }]),
      ),
    ],
  }),
};
