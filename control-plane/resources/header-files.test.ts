import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { MAX_HEADER_FILE_BYTES } from '../../proto/replica-header.ts';
import { gateway } from './testing/test-gateway.ts';

const NAME = 'x-api-key';
const STRANGERS = ['forged', 'twice'];

async function start(t: ExecutionContext, first: string | null, settings = '') {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-header-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'a key\'s "file"\\');
  const write = async (value: string) => {
    await writeFile(`${file}.new`, value);
    await rename(`${file}.new`, file);
  };
  if (first !== null) await write(first);
  /** Something else in the file's place. */
  const replace = async (make: (path: string) => unknown) => {
    await rm(file, { recursive: true, force: true });
    await make(file);
  };
  const second = join(folder, 'second');
  await writeFile(second, '0');
  const { send, envoy } = await gateway(
    t,
    `${settings} headerFiles: {${NAME}: ${JSON.stringify(file)}, x-second: ${JSON.stringify(second)}},`,
  );
  const seen = async (headers: Record<string, string> = {}, method = 'POST') => {
    const { status, body } = await send({ ...headers, [NAME]: STRANGERS }, { method });
    t.is(status, 200);
    return [body.at, body.headers[NAME]];
  };
  const becomes = (value: string) =>
    waitFor(async () => (await seen({ 'mcp-session-id': '1~a' }))[1] === value, { what: `the header is ${value}` });
  let looks = 0;
  /** The header, once a worker has looked at both files: it looks at all of a server at once. */
  const looked = async () => {
    await writeFile(second, String(++looks));
    const body = await waitFor(
      async () => {
        const answer = await send({ 'mcp-session-id': '1~a' });
        return answer.body.headers['x-second'] === String(looks) && answer.body;
      },
      { what: 'the files were read again' },
    );
    return body.headers[NAME];
  };
  return { log: () => envoy.process.log(), looked, write, remove: () => rm(file), replace, seen, becomes };
}

for (const settings of ['', 'guard: streams,'])
  test(`every request, ${settings || 'guarded'}, carries the header of the file, and never the client’s own`, async (t) => {
    const { seen } = await start(t, 'one\r\n', settings);
    const session = { 'mcp-session-id': '1~a' };
    t.deepEqual(await seen(session), [settings === '' ? 'relay' : 'one', 'one']);
    t.deepEqual(await seen({ 'mcp-session-id': 'zz~a' }, 'GET'), ['relay', 'one']);
    t.deepEqual(await seen(session, 'DELETE'), ['relay', 'one']);
  });

test('the file is read again; one that is gone, empty, too long or of two lines leaves the last good value', async (t) => {
  const { log, looked, seen, write, remove, becomes } = await start(t, 'v0');
  await becomes('v0');
  const bad = ['', 'a\r\nx-admin: yes', 'ä', 'x'.repeat(MAX_HEADER_FILE_BYTES + 1), 'y'.repeat(100_000), null];
  for (const value of bad) {
    if (value === null) await remove();
    else await write(value);
    t.is(await looked(), 'v0', String(value).slice(0, 20));
  }
  await write('v1');
  await becomes('v1');
  t.is((await seen({ 'mcp-session-id': '1~a' }))[1], 'v1');
  const said = log();
  for (const why of ['it is empty', 'a line break', 'it is too long', 'No such file'])
    t.true(said.includes(why), `${why}: ${said}`);
  t.regex(
    said,
    /server linear, headerFiles: .* can't be the header x-api-key: .*its last good value stays; write one line/,
  );
  t.notRegex(said, /x-admin|xxxx|yyyy/);
});

test('a pipe, a device, a folder or a link to nowhere in the file’s place keeps no request waiting', async (t) => {
  const { log, looked, becomes, replace, write } = await start(t, 'v0');
  await becomes('v0');
  for (const make of [
    (path: string) => execFileSync('/usr/bin/mkfifo', [path]),
    (path: string) => symlink('/dev/zero', path),
    (path: string) => symlink(`${path}.nowhere`, path),
    (path: string) => mkdir(path),
  ]) {
    await replace(make);
    t.is(await looked(), 'v0', String(make));
  }
  await replace(() => write('v1'));
  await becomes('v1');
  for (const why of ['it is empty', 'it is too long', 'No such file', 'Is a directory'])
    t.true(log().includes(why), why);
});

test('a gateway starts without the file, and takes it once it is there', async (t) => {
  const { seen, write, becomes } = await start(t, null);
  t.deepEqual(await seen({ 'mcp-session-id': '1~a' }), ['relay', undefined]);
  await write('late');
  await becomes('late');
});
