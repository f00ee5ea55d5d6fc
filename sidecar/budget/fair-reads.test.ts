import test from 'ava';
import { FairReads, type FairReader } from './fair-reads.ts';

const BUFFER = 64 << 10;

/** Turns of an event loop, one after the other. */
function loop(): { later: (run: () => void) => void; turn: () => boolean } {
  const due: (() => void)[] = [];
  return {
    later: (run) => due.push(run),
    turn: () => {
      const run = due.shift();
      run?.();
      return run !== undefined;
    },
  };
}

/** An answer whose replica sends without end, as Node reads it: a buffer at a time, until it is stopped. */
class Flood implements FairReader {
  bytesRead = 0;
  isStopped = false;
  readonly #reads: FairReads;

  constructor(reads: FairReads) {
    this.#reads = reads;
  }

  goOn(): void {
    this.isStopped = false;
  }
  /** What one look of the event loop at its socket brings. */
  poll(): void {
    for (let count = 0; count < 32 && !this.isStopped; count++) this.isStopped = this.#reads.mustWait(this, BUFFER);
  }
}

test('a flood takes no more of a turn than its share, and all of them go on in turn', (t) => {
  const { later, turn } = loop();
  const reads = new FairReads(later);
  const floods = Array.from({ length: 100 }, () => new Flood(reads));
  for (const flood of floods) flood.poll();
  let before = floods.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  for (let turns = 0; turns < 1000; turns++) {
    t.true(turn());
    for (const flood of floods) flood.poll();
    const now = floods.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    t.true(now - before <= 4 * BUFFER);
    before = now;
  }
  const bytes = floods.map(({ bytesRead }) => bytesRead);
  t.true(Math.min(...bytes) > 15 * BUFFER);
  t.true(Math.max(...bytes) - Math.min(...bytes) < 8 * BUFFER);
});

test('a small answer never waits, and one that is not large yet goes before those that are', (t) => {
  const { later, turn } = loop();
  const reads = new FairReads(later);
  const floods = Array.from({ length: 100 }, () => new Flood(reads));
  for (let turns = 0; turns < 1000; turns++) {
    for (const flood of floods) flood.poll();
    turn();
  }
  t.false(reads.mustWait({ bytesRead: 0, goOn: () => undefined }, BUFFER));
  const medium = new Flood(reads);
  let turns = 0;
  for (; medium.bytesRead < 10 * BUFFER; turns++) {
    medium.poll();
    for (const flood of floods) flood.poll();
    turn();
  }
  t.true(turns <= 14);
});

test('alone, an answer is read as fast as it comes; who has left is not woken', (t) => {
  const { later, turn } = loop();
  const reads = new FairReads(later);
  const alone = new Flood(reads);
  for (let turns = 0; turns < 10; turns++) {
    alone.poll();
    t.true(turn());
  }
  t.true(alone.bytesRead >= 20 * BUFFER);
  alone.poll();
  t.true(alone.isStopped);
  reads.leave(alone);
  while (turn());
  t.true(alone.isStopped);
});

test('a crowd is read in spare time, whatever the size of its bodies, and large bodies alone wait longest', (t) => {
  const pauses: number[] = [];
  const due: (() => void)[] = [];
  const reads = new FairReads((run, pauseMs) => {
    pauses.push(pauseMs);
    due.push(run);
  });
  const begin = (): Flood => {
    const one = new Flood(reads);
    one.poll();
    return one;
  };
  const few = Array.from({ length: 8 }, begin);
  due.shift()?.();
  t.deepEqual(pauses, [0, 0]);
  const many = Array.from({ length: 8 }, begin);
  due.shift()?.();
  t.is(pauses.at(-1), 1);
  const all = [...few, ...many];
  for (const one of all) one.bytesRead = 2 << 20;
  for (let count = 0; count < all.length; count++) {
    due.shift()?.();
    for (const one of all) if (!one.isStopped) one.poll();
  }
  t.is(pauses.at(-1), 5);
});
