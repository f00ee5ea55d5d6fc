import test from 'ava';
import { parseReport } from './reports.ts';

test('a report is read; what is none is ignored', (t) => {
  t.deepEqual(
    parseReport('{"server":"linear","slot":"3a","kind":"unreachable","count":2,"node":"gateway-1","more":1}'),
    { server: 'linear', slot: '3a', kind: 'unreachable', count: 2, node: 'gateway-1' },
  );
  for (const bad of ['', '{', '[]', '{"server":"linear"}', '{"server":"linear","slot":"3a","kind":"invented"}'])
    t.is(parseReport(bad), undefined, bad);
});
