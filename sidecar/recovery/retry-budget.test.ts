import test from 'ava';
import fc from 'fast-check';
import { RetryBudget } from './retry-budget.ts';

test('re-sent requests are bounded by a share of the live ones', (t) => {
  const budget = new RetryBudget();
  for (let i = 0; i < 100; i++) budget.began();
  let granted = 0;
  while (budget.tryAcquire(20, 10)) granted++;
  t.is(granted, 20);
});

test('the floor is always allowed', (t) => {
  const budget = new RetryBudget();
  let granted = 0;
  while (budget.tryAcquire(20, 10)) granted++;
  t.is(granted, 10);
});

test('who finds it spent gets the next free place, in order', async (t) => {
  const budget = new RetryBudget(),
    order: string[] = [];
  t.true(budget.tryAcquire(20, 1));
  const first = budget.acquire(20, 1, 10_000).then(() => order.push('first')),
    second = budget.acquire(20, 1, 10_000).then(() => order.push('second'));
  budget.release();
  await first;
  t.deepEqual(order, ['first']);
  t.is(budget.waiting, 1);
  budget.release();
  await second;
  budget.release();
  t.is(budget.resending, 0);
});

test('who waits in vain is refused, and nobody waits for what can never be', async (t) => {
  const budget = new RetryBudget();
  t.true(budget.tryAcquire(0, 1));
  t.false(await budget.acquire(0, 1, 5));
  t.is(budget.waiting, 0);
  t.false(await budget.acquire(0, 0, 1e6));
});

test('never more places than the bound, and every place comes back', (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('began', 'ended', 'acquire', 'release'), { maxLength: 200 }), (steps) => {
      const budget = new RetryBudget();
      let held = 0;
      for (const step of steps) {
        if (step === 'began') budget.began();
        if (step === 'ended' && budget.live > 0) budget.ended();
        if (step === 'acquire' && budget.tryAcquire(50, 2)) t.true(++held <= Math.max(2, Math.floor(budget.live / 2)));
        if (step === 'release' && held > 0) {
          held--;
          budget.release();
        }
      }
      t.is(budget.resending, held);
    }),
  );
});
