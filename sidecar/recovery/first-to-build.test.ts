import test from 'ava';
import fc from 'fast-check';
import { sampleEndpoint } from './testing/sample-endpoint.ts';
import { firstToBuild, type Ended } from './first-to-build.ts';
import { QuietReplicas } from './quiet-replicas.ts';
import type { Rebuilt } from './rebuilder.ts';

type Answer = { afterMs: number; as: 'built' | 'failed' | 'unreachable' | 'refused' };
const UNTIL_MS = 6000;

/** Replicas that answer as they are told, on a clock of its own. A replica that has not answered when the time is over ends as `timeout`. */
async function race(answers: readonly Answer[]) {
  let nowMs = 0,
    nextIndex = 0;
  const timers: { atMs: number; run: () => void }[] = [];
  const after = (ms: number, run: () => void) => {
    const timer = { atMs: nowMs + ms, run };
    timers.push(timer);
    return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
  };
  const asked: { slot: string; atMs: number }[] = [],
    alive = new Set<string>(),
    quiet: string[] = [];
  const rebuild = (slot: string, leftMs: number): Promise<Rebuilt> => {
    const { afterMs, as } = answers[Number(slot)] ?? { afterMs: 0, as: 'failed' };
    asked.push({ slot, atMs: nowMs });
    return new Promise((resolve) => {
      after(Math.min(afterMs, leftMs), () => {
        if (afterMs > leftMs) return resolve({ kind: 'try-another', why: 'timeout', detail: '', upstreamId: null });
        if (as === 'refused')
          return resolve({ kind: 'refused', answer: { status: 401, headers: {}, body: Buffer.alloc(0) } });
        if (as !== 'unreachable') alive.add(slot);
        if (as === 'built') return resolve({ kind: 'built', upstreamId: slot });
        resolve({ kind: 'try-another', why: as, detail: '', upstreamId: as === 'failed' ? slot : null });
      });
    });
  };
  let ended: Ended | null = null,
    endedMs = 0;
  const running = firstToBuild({
    next: () => (nextIndex < answers.length ? sampleEndpoint(String(nextIndex++)) : null),
    rebuild: ({ slot }, leftMs) => rebuild(slot, leftMs),
    abandon: ({ slot }, upstreamId) => alive.delete(upstreamId) || asked.push({ slot, atMs: -1 }),
    quiet: ({ slot }) => quiet.push(slot),
    ...{ untilMs: UNTIL_MS, now: () => nowMs, after },
  }).then((end) => {
    ended = end;
    endedMs = nowMs;
  });
  for (;;) {
    await new Promise(setImmediate);
    const timer = timers.toSorted((a, b) => a.atMs - b.atMs)[0];
    if (!timer) break;
    timers.splice(timers.indexOf(timer), 1);
    nowMs = Math.max(nowMs, timer.atMs);
    timer.run();
  }
  await running;
  return { ended: ended as Ended | null, endedMs, asked, alive: [...alive], quiet };
}

test('a replica that hangs has its share of the time, then the next is asked beside it', async (t) => {
  const { ended, endedMs, asked, alive, quiet } = await race([
    { afterMs: 1e9, as: 'built' },
    { afterMs: 100, as: 'built' },
  ]);
  t.like(ended, { kind: 'built', upstreamId: '1' });
  t.is(endedMs, UNTIL_MS / 3 + 100);
  t.deepEqual(asked, [
    { slot: '0', atMs: 0 },
    { slot: '1', atMs: UNTIL_MS / 3 },
  ]);
  t.deepEqual(alive, ['1']);
  t.deepEqual(quiet, ['0']);
});

test('a replica that takes long may still be the first; what the other builds later is ended', async (t) => {
  const { ended, alive } = await race([
    { afterMs: 3000, as: 'built' },
    { afterMs: 3000, as: 'built' },
  ]);
  t.like(ended, { kind: 'built', upstreamId: '0' });
  t.deepEqual(alive, ['0']);
});

test('a single replica has all the time', async (t) => {
  const { ended, endedMs } = await race([{ afterMs: 5900, as: 'built' }]);
  t.is(ended?.kind, 'built');
  t.is(endedMs, 5900);
});

test('whatever three of five replicas do: it ends in time, with at most one session, and with one where a replica builds in its share', async (t) => {
  const answer = fc.record({
    afterMs: fc.oneof(fc.integer({ min: 1, max: 8000 }), fc.constant(1e9)),
    as: fc.constantFrom<Answer['as'][]>('built', 'failed', 'unreachable', 'refused'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { maxLength: 5 }), async (answers) => {
      const { ended, endedMs, asked, alive } = await race(answers);
      t.true(endedMs <= UNTIL_MS);
      t.true(asked.length <= 3, 'three replicas are asked, and nothing is ended that was not built');
      t.deepEqual(alive, ended?.kind === 'built' ? [ended.upstreamId] : []);
      const [prompt] = answers.slice(0, 3).filter(({ afterMs }) => afterMs <= UNTIL_MS / 3);
      const isRefused = answers.slice(0, 3).some(({ as }) => as === 'refused');
      if (prompt?.as === 'built' && !isRefused) t.is(ended?.kind, 'built');
    }),
    { numRuns: 300 },
  );
});

test('a replica that left a rebuild waiting is asked last for a while, and no longer once it answered', (t) => {
  const replicas = new QuietReplicas(),
    mute = sampleEndpoint('1');
  replicas.quiet(mute, 1000);
  t.true(replicas.load(mute.server, '1', 2000) > 1e6);
  t.is(replicas.load(mute.server, '2', 2000), 0);
  t.is(replicas.load(mute.server, '1', 6000), 0);
  replicas.quiet(mute, 7000);
  replicas.heard(mute);
  t.is(replicas.load(mute.server, '1', 7000), 0);
});
