import test from 'ava';
import { placedReplicas } from './placed-replicas.ts';

test('the first word waits for every slot; later a replica without one is left out, so that pods that come all the time hold up nobody', (t) => {
  const hasSlot = (name: string): boolean => name !== 'new';
  t.is(placedReplicas(['a', 'new'], hasSlot, true), null);
  t.deepEqual(placedReplicas(['a', 'b'], hasSlot, true), ['a', 'b']);
  t.deepEqual(placedReplicas(['a', 'new', 'b'], hasSlot, false), ['a', 'b']);
  t.deepEqual(placedReplicas([], hasSlot, true), []);
});
