import test from 'ava';
import { holds, type RequestHead } from './condition.ts';
import { refusalRows } from './refusal-rows.ts';

const passes = (lists: { allowedOrigins?: readonly string[]; allowedHosts?: readonly string[] }, head: RequestHead) =>
  !refusalRows({ allowedOrigins: [], allowedHosts: [], jwt: null, ...lists }).some(({ when }) =>
    when.every((condition) => holds(condition, { ':method': 'POST', ...head })),
  );
const isOriginAllowed = (allowedOrigins: readonly string[], origin: string, host: string): boolean =>
  passes({ allowedOrigins }, { origin, ':authority': host });
const isHostAllowed = (allowedHosts: readonly string[], host: string): boolean =>
  passes({ allowedHosts }, { ':authority': host });

test('without a list only pages of this machine pass, and only by a name of this machine', (t) => {
  for (const [origin, host, isAllowed] of [
    ['http://localhost:6274', '127.0.0.1:37373', true],
    ['http://127.0.0.1', 'localhost', true],
    ['http://[::1]:1', '[::1]:2', true],
    ['HTTP://LocalHost:1', 'LOCALHOST.:2', true],
    ['http://attacker.example:37373', 'attacker.example:37373', false],
    ['http://localhost:6274', 'attacker.example:37373', false],
    ['https://evil.example', '127.0.0.1:37373', false],
    ['http://127.0.0.1.nip.io', '127.0.0.1', false],
    ['http://localhost.evil.example', 'localhost', false],
    ['null', 'localhost', false],
    ['', 'localhost', false],
    ['file://', 'localhost', false],
  ] as const)
    t.is(isOriginAllowed([], origin, host), isAllowed, `${origin} at ${host}`);
});

test('listed origins are compared by scheme, host and port, and `*.` stands for subdomains', (t) => {
  const list = ['https://app.example.com', 'http://dev.example.com:8080', 'https://*.apps.example.com', 'null'];
  for (const origin of [
    'https://app.example.com',
    'https://APP.example.COM',
    'https://app.example.com:443',
    'https://app.example.com.',
    'http://dev.example.com:8080',
    'https://a.apps.example.com',
    'https://a.b.apps.example.com:443',
    'null',
  ])
    t.true(isOriginAllowed(list, origin, 'x'), origin);
  for (const origin of [
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.example',
    'https://evilapp.example.com',
    'https://appXexample.com',
    'http://dev.example.com',
    'https://apps.example.com',
    'https://evilapps.example.com',
    'https://evil.example/.apps.example.com',
    'http://localhost:1',
  ])
    t.false(isOriginAllowed(list, origin, 'localhost'), origin);
  t.true(isOriginAllowed(['*'], 'https://anything.example', 'x'));
  t.true(isOriginAllowed(['https://[2001:DB8:0::1]'], 'https://[2001:db8::1]:443', 'x'));
});

test('hosts are compared as hosts are', (t) => {
  const list = ['mcp.example.com', 'other.example.com:8443', '[2001:db8:0::1]'];
  for (const host of [
    'mcp.example.com',
    'MCP.example.com:443',
    'mcp.example.com.:42300',
    'other.example.com:8443',
    '[2001:db8::1]:1',
  ])
    t.true(isHostAllowed(list, host), host);
  for (const host of [
    'mcp.example.com.evil.example',
    'evil.mcp.example.com',
    'other.example.com',
    'mcp.example.com:x',
    '',
  ])
    t.false(isHostAllowed(list, host), host);
});

test('a request that has passed more proxies than anybody has goes round, and is refused', (t) => {
  const passed = (count: number): string => Array.from({ length: count }, (_, index) => `10.0.0.${index}`).join(', ');
  t.true(passes({}, { 'x-forwarded-for': '' }));
  t.true(passes({}, { 'x-forwarded-for': passed(32) }));
  t.false(passes({}, { 'x-forwarded-for': passed(33) }));
  t.false(passes({}, { 'x-forwarded-for': ','.repeat(5000) }));
});
