import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../test/mesh/temporary-folder.ts';
import { waitFor } from '../test/mesh/wait-for.ts';
import { errorOf, followErrors } from './follow-errors.ts';

test('errors are shown with the problems that they name, anything else is not', (t) => {
  t.is(
    errorOf('{"level":50,"msg":"the changed configuration is bad","problems":["a.yaml:1:2: x","a.yaml:3:4: y"]}'),
    'the changed configuration is bad\n  a.yaml:1:2: x\n  a.yaml:3:4: y',
  );
  t.is(errorOf('{"level":50,"msg":"resources refused","error":"boom"}'), 'resources refused: boom');
  t.is(errorOf('{"level":30,"msg":"ready"}'), undefined);
  t.is(errorOf('no JSON'), undefined);
});

test('what is added to the log later is read, also when a line comes in two parts', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(() => folder.remove());
  const file = join(folder.path, 'log');
  const said: string[] = [];
  t.teardown(followErrors(file, (line) => said.push(line), 10));
  await appendFile(file, '{"level":30,"msg":"ready"}\n{"level":50,"msg":"on');
  await appendFile(file, 'e"}\n{"level":60,"msg":"two"}\n');
  await waitFor(() => said.length === 2, { what: 'both errors' });
  t.deepEqual(said, ['one', 'two']);
});
