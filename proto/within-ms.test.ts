import test from 'ava';
import { withinMs } from './within-ms.ts';

const never = new Promise<never>(() => undefined);

test('what comes in time is the result, be it an answer or a failure', async (t) => {
  t.is(await withinMs(60_000, Promise.resolve('answer'), () => 'late'), 'answer');
  await t.throwsAsync(
    withinMs(60_000, Promise.reject(new Error('refused')), () => 'late'),
    { message: 'refused' },
  );
});

test('what does not come in time is replaced, or is an error', async (t) => {
  t.is(await withinMs(1, never, () => 'late'), 'late');
  const late = (): never => {
    throw new Error('no answer within 1 ms');
  };
  await t.throwsAsync(withinMs(1, never, late), { message: 'no answer within 1 ms' });
});

test('a failure that comes too late is nobody’s', async (t) => {
  const pending = Promise.withResolvers<string>();
  t.is(await withinMs(1, pending.promise, () => 'late'), 'late');
  pending.reject(new Error('too late'));
  await t.throwsAsync(pending.promise, { message: 'too late' });
});
