import test from 'ava';
import fc from 'fast-check';
import { checkControlRequest } from './control-request.ts';

const check = (headers: Record<string, string>, target = '/health') =>
  checkControlRequest({ method: 'GET', target, headers: { host: '127.0.0.1:7901', ...headers } });
const statusOf = (verdict: ReturnType<typeof check>): number => ('url' in verdict ? 200 : verdict.status);

test('tools, probes and scrapers pass, by address and by the names of private networks', (t) => {
  for (const host of [
    '127.0.0.1',
    '127.0.0.1:7901',
    '[::1]:7901',
    '10.1.2.3:18001',
    '[fd00::7]',
    'localhost:1',
    'LOCALHOST.',
    'control-plane:18001',
    'holdfast-control-plane.holdfast.svc',
    'x.holdfast.svc.cluster.local:1',
    'db.internal',
  ])
    t.is(statusOf(check({ host })), 200, host);
  for (const site of ['none', 'same-origin']) t.is(statusOf(check({ 'sec-fetch-site': site })), 200, site);
});

test('what a web page can make a browser send is refused, on every path', (t) => {
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'http://127.0.0.1:7901' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { host: 'attacker.example' },
    { host: 'attacker.example:7901' },
    { host: 'localhost.attacker.example' },
    { host: '127.0.0.1.nip.io' },
    { host: '' },
    { host: 'a b' },
    { host: '127.0.0.1:x' },
    { host: 'user@localhost' },
  ])
    t.is(statusOf(check(headers as never)), 403, JSON.stringify(headers));
  t.is(statusOf(checkControlRequest({ method: 'GET', target: '/', headers: {} })), 403);
  t.is(
    statusOf(
      checkControlRequest({ method: 'GET', target: '/', headers: { host: 'ops.example' } }, { names: ['ops.example'] }),
    ),
    200,
  );
});

test('targets that are no path are refused, and none throws', (t) => {
  for (const target of [
    '//',
    '//x',
    '///',
    '*',
    '',
    'http://x/',
    'http://[',
    '\\\\x',
    '/\\x',
    'x:1',
    '?',
    '//[',
    '/a\\b',
  ])
    t.is(statusOf(check({}, target)), 400, target);
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 40 }), (target, host) => {
      check({ host }, target);
      check({}, `/${target}`);
      return true;
    }),
  );
});

test('a port with a page of its own takes that page’s requests, and no other page’s', (t) => {
  const page = (headers: Record<string, string>, names: string[] = []) =>
    statusOf(
      checkControlRequest(
        { method: 'POST', target: '/v1/drains', headers: { host: '127.0.0.1:18001', ...headers } },
        { hasPage: true, names },
      ),
    );
  t.is(page({ origin: 'http://127.0.0.1:18001', 'sec-fetch-site': 'same-origin' }), 200);
  t.is(page({ origin: 'https://ops.example', host: 'ops.example' }, ['ops.example']), 200);
  for (const headers of [
    { origin: 'http://127.0.0.1:18002' },
    { origin: 'http://localhost:18001' },
    { origin: 'http://127.0.0.1' },
    { origin: 'http://127.0.0.1:18001.evil.example' },
    { origin: 'http://evil@127.0.0.1:18001' },
    { origin: 'ftp://127.0.0.1:18001' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'http://', host: '' },
    { origin: 'http://127.0.0.1:18001', 'sec-fetch-site': 'cross-site' },
    // DNS rebinding: the page and the request have the same host, but a public one.
    { origin: 'http://attacker.example:18001', host: 'attacker.example:18001' },
  ])
    t.is(page(headers), 403, JSON.stringify(headers));
});
