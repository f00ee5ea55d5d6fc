import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { consoleFiles } from '../../../control-plane/admin/console-files.ts';
import { movesBetween } from '../../../control-plane/console/src/live/state.ts';
import { filtered } from '../../../control-plane/console/src/views/filter-events.ts';

const MAX_SCRIPT_BYTES = 200_000;
const dist = new URL('../../../control-plane/console/dist/', import.meta.url);

test('the console’s script is small, and no file of it names another host', (t) => {
  const assets = readdirSync(new URL('assets/', dist));
  const scripts = assets.filter((name) => name.endsWith('.js'));
  const bytes = scripts.reduce((sum, name) => sum + gzipSync(readFileSync(new URL(`assets/${name}`, dist))).length, 0);
  t.true(scripts.length > 0 && bytes < MAX_SCRIPT_BYTES, `${bytes} bytes compressed`);
  const html = readFileSync(new URL('index.html', dist), 'utf8');
  for (const [, to] of html.matchAll(/(?:src|href)="([^"]+)"/g)) t.regex(to ?? '', /^\/console\//);
  t.notRegex(html, /<script(?![^>]*src=)|<style|\sstyle=|\son\w+=/);
  for (const name of assets)
    for (const [, host] of readFileSync(new URL(`assets/${name}`, dist), 'utf8').matchAll(/https?:\/\/([\w.-]+)/g))
      t.true(['www.w3.org'].includes(host ?? ''), `${name} names ${host}`);
});

test('the files come with a strict policy, without a token, and nothing beside them is served', async (t) => {
  const files = await consoleFiles();
  const server = createServer((request, response) => {
    if (!files(request, response, new URL(request.url ?? '', 'http://x'))) response.writeHead(418).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const at = (path: string, method = 'GET') =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { method });
  const page = await at('/console');
  t.is(page.status, 200);
  const policy = page.headers.get('content-security-policy') ?? '';
  t.regex(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
  t.notRegex(policy, /unsafe|\*|https?:|data:/);
  t.is(page.headers.get('cache-control'), 'no-cache');
  for (const [path, method, status] of [
    ['/console/', 'GET', 200],
    ['/console/icon.svg', 'HEAD', 200],
    ['/console/built-from', 'GET', 404],
    ['/console/..%2f..%2fpackage.json', 'GET', 404],
    ['/console/assets/none.js', 'GET', 404],
    ['/console', 'POST', 405],
    ['/consoles', 'GET', 418],
  ] as const)
    t.is((await at(path, method)).status, status, `${method} ${path}`);
});

test('a console that was not built says how to build it', async (t) => {
  const files = await consoleFiles('/nowhere');
  const server = createServer(
    (request, response) => void files(request, response, new URL(request.url ?? '', 'http://x')),
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/console`);
  t.is(answer.status, 503);
  t.regex(await answer.text(), /npm run console/);
});

test('two counts of sessions say how many moved from where to where', (t) => {
  t.deepEqual(movesBetween({ linear: { a: 10, b: 5 } }, { linear: { b: 9, c: 6 } }), [
    { server: 'linear', from: 'a', to: 'b', count: 4 },
    { server: 'linear', from: 'a', to: 'c', count: 6 },
  ]);
  t.deepEqual(movesBetween({ linear: { a: 1 } }, { linear: { a: 4 } }), [], 'sessions that begin do not move');
  t.deepEqual(movesBetween({ linear: { a: 4 } }, { linear: { a: 1 } }), [], 'sessions that end do not move');
});

test('events are filtered by words, server, level and what they are about, newest first', (t) => {
  const event = (id: string, kind: string, message: string, level: 'info' | 'warning' = 'info') => ({
    ...{ id, atMs: 0, kind, level, server: 'linear', subject: null, message },
  });
  const all = [
    event('1-0', 'drain.started', 'linear-1 is drained'),
    event('2-0', 'replica.unhealthy', 'linear-2 fell', 'warning'),
    event('3-0', 'drain.done', 'linear-1 is out'),
  ];
  const ids = (wanted: Partial<Parameters<typeof filtered>[1]>) =>
    filtered(all, { text: '', server: '', level: '', kind: '', ...wanted }).map(({ id }) => id);
  t.deepEqual(ids({}), ['3-0', '2-0', '1-0']);
  t.deepEqual(ids({ kind: 'drain' }), ['3-0', '1-0']);
  t.deepEqual(ids({ text: 'linear-1 OUT' }), ['3-0']);
  t.deepEqual(ids({ level: 'warning', server: 'linear' }), ['2-0']);
  t.deepEqual(ids({ server: 'files' }), []);
});
