import test from 'ava';
import { sampleRecord } from './testing/sample-record.ts';
import { WriteBehind, type PendingWrite } from './write-behind.ts';

test('what the store has yet to learn is bounded by its size, the oldest is given up', (t) => {
  const behind = new WriteBehind(100, 100_000);
  const write = (): PendingWrite => ({
    kind: 'record',
    record: sampleRecord({ initializeParams: 'x'.repeat(30_000) }),
    changes: null,
  });
  for (let index = 0; index < 10; index++) behind.put(`s:${index}`, write());
  t.is(behind.size, 3);
  t.is(behind.dropped, 7);
  const again = write();
  behind.put('s:9', again);
  t.is(behind.size, 3);
  behind.settle('s:9', again);
  behind.put('s:10', write());
  t.is(behind.size, 3);
});
