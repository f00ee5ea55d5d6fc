import test from 'ava';
import { gatewayLimitsSchema } from '../../proto/limits.ts';
import { BodyBudget } from './body-budget.ts';

const MIB = 1 << 20;
const limits = gatewayLimitsSchema.parse({
  requestMs: 30_000,
  minBodyBytesPerSecond: 1024,
  bufferedBytes: 64 * MIB,
  bufferedBytesPerAddress: 16 * MIB,
});

function budget() {
  let nowMs = 0;
  const budget = new BodyBudget(() => nowMs);
  return {
    budget,
    wait: (ms: number) => {
      nowMs += ms;
    },
    open: (address: string, of = limits) => {
      const givenUp: string[] = [];
      const holding = budget.open(address, of, (limit) => {
        givenUp.push(limit);
        holding.release();
      });
      return { ...holding, givenUp };
    },
  };
}

test('one address holds what it may and no more, until something of it is released', (t) => {
  const { open, budget: all } = budget();
  const bodies = Array.from({ length: 16 }, () => open('a'));
  for (const body of bodies) t.is(body.take(MIB), null);
  t.is(open('a').take(1), 'body_bytes_per_address');
  t.is(open('b').take(MIB), null);
  bodies[0]?.release();
  bodies[0]?.release();
  t.is(open('a').take(MIB), null);
  t.is(all.bytes, 17 * MIB);
});

test('however many addresses take all they can, another one still finds room: the largest holders’ bodies under way give way', (t) => {
  const { open, budget: all } = budget();
  const bodies = Array.from({ length: 100 }, (_, address) => {
    const body = open(`attacker ${address}`);
    while (body.take(64 << 10) === null);
    return body;
  });
  t.true(all.bytes <= limits.bufferedBytes);
  const honest = open('honest');
  t.is(honest.take(4096), null);
  const gaveWay = bodies.filter(({ givenUp }) => givenUp.length > 0);
  t.true(gaveWay.length > 0);
  for (const { givenUp } of gaveWay) t.deepEqual(givenUp, ['body_bytes']);
  t.deepEqual(honest.givenUp, []);
});

test('complete bodies never give way: then a new one is refused', (t) => {
  const { open, budget: all } = budget();
  for (let address = 0; address < 4; address += 1) {
    const body = open(`holder ${address}`);
    t.is(body.take(16 * MIB), null);
    body.complete();
  }
  t.is(open('late').take(1), 'body_bytes');
  t.is(all.bytes, 64 * MIB);
});

test('what was released is forgotten, also when the same address opens the next one', (t) => {
  const { open, budget: all } = budget();
  const first = open('a');
  first.take(MIB);
  const second = open('a');
  first.release();
  t.is(second.take(16 * MIB), null);
  second.release();
  t.is(all.bytes, 0);
});

test('a body that is not complete in time is given up, once', (t) => {
  const { open, wait, budget: all } = budget();
  const slow = open('a'),
    complete = open('b');
  slow.take(4 * MIB);
  complete.complete();
  wait(30_001);
  all.look();
  all.look();
  t.deepEqual(slow.givenUp, ['body_time']);
  t.deepEqual(complete.givenUp, []);
});

test('a body that trickles is given up after its grace, one that keeps the rate is not', (t) => {
  const { open, wait, budget: all } = budget();
  const trickle = open('a'),
    steady = open('b');
  for (let second = 0; second < 10; second += 1) {
    trickle.take(10);
    steady.take(1024);
    wait(1000);
    all.look();
    t.deepEqual(steady.givenUp, []);
    if (second < 5) t.deepEqual(trickle.givenUp, []);
  }
  t.deepEqual(trickle.givenUp, ['body_rate']);
});

test('without limits of time nothing is given up', (t) => {
  const { open, wait, budget: all } = budget();
  const body = open('a', { ...limits, requestMs: 0, minBodyBytesPerSecond: 0 });
  wait(3_600_000);
  all.look();
  t.deepEqual(body.givenUp, []);
});

test('a body that waits for its turn is not called slow for it', (t) => {
  const { budget: all, open, wait } = budget();
  const waiting = open('a'),
    slow = open('b');
  waiting.pause();
  wait(40_000);
  all.look();
  t.deepEqual(waiting.givenUp, []);
  t.is(slow.givenUp.length, 1);
  waiting.goOn();
  all.look();
  t.deepEqual(waiting.givenUp, []);
  wait(31_000);
  all.look();
  t.is(waiting.givenUp.length, 1);
});

test('a body that has no room by what it announces is known before it is read, and takes nothing', (t) => {
  const { open, budget: all } = budget();
  const first = open('a');
  t.is(first.take(10 * MIB), null);
  t.is(open('a').wouldRefuse(6 * MIB), null);
  t.is(open('a').wouldRefuse(6 * MIB + 1), 'body_bytes_per_address');
  t.is(open('b').wouldRefuse(16 * MIB), null);
  t.is(all.bytes, 10 * MIB);
});
