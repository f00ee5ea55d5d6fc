import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { certificateStatus, renewCertificates, type FolderOptions } from './certificate-folder.ts';

const DAY_MS = 86_400_000;
async function folderOptions(t: { teardown(run: () => Promise<void>): void }): Promise<FolderOptions> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-certs-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return { folder, now: new Date(), days: 90, renewDays: 30 };
}
const members = [
  { name: 'gateway-1', altNames: ['127.0.0.1', 'localhost'] },
  { name: 'control-plane', altNames: ['127.0.0.1'] },
];

test('the first run makes an authority and a certificate for each member; a second one makes nothing', async (t) => {
  const options = await folderOptions(t);
  t.deepEqual(await renewCertificates(members, options), ['ca', 'gateway-1', 'control-plane']);
  t.deepEqual(await renewCertificates(members, options), []);
  t.deepEqual(
    (await certificateStatus(options)).map(({ name, state }) => [name, state]),
    [
      ['ca', 'ok'],
      ['control-plane', 'ok'],
      ['gateway-1', 'ok'],
    ],
  );
});

test('keys can be read by their owner alone', async (t) => {
  const options = await folderOptions(t);
  await renewCertificates(members, options);
  t.is((await stat(join(options.folder, 'ca.key'))).mode & 0o777, 0o600);
});

test('a certificate near its end, one that is broken, and one with too few names are made anew; the others stay', async (t) => {
  const options = await folderOptions(t);
  await renewCertificates(members, options);
  const later = { ...options, now: new Date(options.now.getTime() + 61 * DAY_MS) };
  t.is((await certificateStatus(later)).find(({ name }) => name === 'gateway-1')!.state, 'expiring');
  t.deepEqual(await renewCertificates(members, later), ['gateway-1', 'control-plane']);
  await writeFile(join(options.folder, 'gateway-1.crt'), 'not a certificate');
  t.is((await certificateStatus(options)).find(({ name }) => name === 'gateway-1')!.state, 'broken');
  t.deepEqual(await renewCertificates(members, later), ['gateway-1']);
  t.deepEqual(await renewCertificates([{ name: 'gateway-1', altNames: ['gateway-1.example'] }], later), ['gateway-1']);
});

test('two members speak mTLS with each other, a stranger is refused', async (t) => {
  const options = await folderOptions(t);
  await renewCertificates(members, options);
  const read = (name: string) => readFile(join(options.folder, name));
  const ca = await read('ca.crt');
  const server = createServer(
    {
      ca,
      cert: await read('gateway-1.crt'),
      key: await read('gateway-1.key'),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket) => {
      socket.on('error', () => {});
      socket.end('hello');
    },
  );
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const say = (extra: object) =>
    new Promise<string>((resolve) => {
      let text = '';
      const socket = connect({ port, host: '127.0.0.1', ca, ...extra });
      socket
        .on('data', (chunk) => {
          text += chunk.toString();
        })
        .on('error', () => resolve('refused'))
        .on('close', () => resolve(text || 'refused'));
    });
  t.is(await say({ cert: await read('control-plane.crt'), key: await read('control-plane.key') }), 'hello');
  t.is(await say({}), 'refused');
});
