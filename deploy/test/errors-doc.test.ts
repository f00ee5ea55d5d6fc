import { readFileSync } from 'node:fs';
import test from 'ava';
import { JSON_RPC_ERROR, RPC_ERROR } from '../../proto/rpc-error.ts';

const text = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8');

test('docs/clients.md says of each code of the mesh what it means, and of no other', (t) => {
  const section = text.split('## What each code says')[1]?.split('\n## ')[0] ?? '';
  const codes = [...section.matchAll(/^\| (-\d+(?:, -\d+)*) \|/gm)].flatMap(([, cell = '']) =>
    cell.split(', ').map(Number),
  );
  const known = [...Object.values(RPC_ERROR), ...Object.values(JSON_RPC_ERROR)];
  t.deepEqual(
    codes.toSorted((a, b) => a - b),
    known.toSorted((a, b) => a - b),
  );
});
