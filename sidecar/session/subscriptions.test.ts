import test from 'ava';
import { MAX_SUBSCRIPTIONS, withSubscription } from './subscriptions.ts';

const all = (uris: readonly string[]): string[] => uris.reduce<string[]>(withSubscription, []);

test('the latest subscriptions are kept, in number and in length together', (t) => {
  const short = Array.from({ length: 250 }, (_, index) => `a://${index}`);
  t.deepEqual(all(short), short.slice(-MAX_SUBSCRIPTIONS));
  const long = Array.from({ length: 100 }, (_, index) => `a://${index}/${'x'.repeat(8000)}`);
  t.deepEqual(all(long), long.slice(-4));
  t.deepEqual(all([...short, 'y'.repeat(40_000)]), ['y'.repeat(40_000)]);
});
