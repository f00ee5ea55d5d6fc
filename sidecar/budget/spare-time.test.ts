import test from 'ava';
import { A_QUARTER, spareTime, type SpareTimeOptions } from './spare-time.ts';
import { Turns } from './turns.ts';

/** An event loop of which the test says how it passes its time. */
function loop(share: SpareTimeOptions = {}) {
  let idle = 0,
    active = 0;
  const due: { atMs: number; run: () => void }[] = [];
  const pass = (ms: number, isIdle: boolean): void => {
    if (isIdle) idle += ms;
    else active += ms;
    const now = idle + active;
    for (const one of due.splice(0)) {
      if (one.atMs <= now) one.run();
      else due.push(one);
    }
  };
  return {
    later: spareTime({
      ...share,
      loopTime: () => ({ idle, active }),
      after: (delayMs, run) => {
        due.push({ atMs: idle + active + delayMs, run });
      },
    }),
    busy: (ms: number) => pass(ms, false),
    rest: (ms: number) => pass(ms, true),
  };
}

test('what waits goes on once the loop has rested for as long as it was busy', (t) => {
  const { later, busy, rest } = loop();
  let runs = 0;
  later(() => runs++);
  busy(5);
  t.is(runs, 0);
  rest(4);
  t.is(runs, 0);
  rest(1);
  t.is(runs, 1);
  rest(50);
  t.is(runs, 1);
});

test('what takes a quarter waits until the loop has rested for three times as long as it was busy, or for 40 ms', (t) => {
  const { later, busy, rest } = loop(A_QUARTER);
  let runs = 0;
  later(() => runs++);
  busy(5);
  rest(14);
  t.is(runs, 0);
  rest(1);
  t.is(runs, 1);
  later(() => runs++);
  for (let ms = 0; ms < 39; ms++) busy(1);
  t.is(runs, 1);
  busy(1);
  t.is(runs, 2);
});

test('a loop that is not busy keeps nobody waiting', (t) => {
  const { later, rest } = loop();
  let runs = 0;
  later(() => runs++);
  rest(1);
  t.is(runs, 1);
});

test('a loop that never rests goes on as well, slowly', (t) => {
  const { later, busy } = loop();
  let runs = 0;
  later(() => runs++);
  for (let ms = 0; ms < 19; ms++) busy(1);
  t.is(runs, 0);
  busy(1);
  t.is(runs, 1);
});

test('what beginnings set off later counts for them: together they leave half of the loop to others', (t) => {
  const { later, busy, rest } = loop();
  let begun = 0;
  const turns = new Turns(
    (error) => t.fail(String(error)),
    () => 0,
    later,
  );
  for (let count = 0; count < 1000; count++) turns.run(`attacker ${count % 10}`, 0.5, () => begun++);
  // Each is followed by three milliseconds of work, when Redis and the replica answer. Whatever is left of 1,000 ms the loop rests.
  let followed = 0,
    busyMs = 0;
  for (let ms = 0; ms < 1000; ms++) {
    if (followed < begun * 3) {
      followed++;
      busyMs++;
      busy(1);
    } else rest(1);
  }
  t.true(begun > 100, `${begun} begun`);
  t.true(busyMs <= 550, `${busyMs} ms of 1,000`);
});
