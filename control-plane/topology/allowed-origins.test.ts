import test from 'ava';
import { isHostPattern, isOriginPattern } from './allowed-origins.ts';

test('entries that could match nothing are told from those that can', (t) => {
  for (const good of [
    '*',
    'null',
    'https://a',
    'https://*.a.b',
    'vscode-webview://x',
    'http://[::1]:3',
    'http://127.0.0.1:1',
  ])
    t.true(isOriginPattern(good), good);
  for (const bad of [
    '',
    'a.example',
    'https://',
    'https://a/path',
    'https://*',
    'https://a.*.b',
    '*.example.com',
    'https://a b',
  ])
    t.false(isOriginPattern(bad), bad);
  t.true(isHostPattern('a.example:1'));
  for (const bad of ['https://a', 'a/b', '', 'a:b']) t.false(isHostPattern(bad), bad);
});
