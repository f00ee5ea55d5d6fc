import test from 'ava';
import { redactConfig } from '../control-plane/config-versions/redact-config.ts';
import { redactUrl, redactUrls } from './redact-url.ts';
import { parseRedisUrl } from './redis/redis-url.ts';

test('what is no secret stays', (t) => {
  for (const url of [
    'redis://10.0.0.1:6379/0',
    'https://keys.example/jwks.json',
    'https://a.example/x@y?page=2#top',
    'redis+cluster://a:1,b:2',
  ]) {
    t.is(redactUrl(url), url);
    t.is(redactConfig(`a: {url: "${url}"} # see ${url}\n`), `a: {url: "${url}"} # see ${url}\n`);
  }
  t.is(redactUrl('redis://me:x@10.0.0.1:6379/0'), 'redis://***@10.0.0.1:6379/0');
  t.is(
    redactUrls('no answer at http://u:p@h/a, mail bob@example.com'),
    'no answer at http://***@h/a, mail bob@example.com',
  );
});

test('a configuration’s URL is redacted however YAML writes it', (t) => {
  for (const text of [
    'url: redis://u:s3cret@h',
    "url: 'redis://u:s3cret@h'",
    'url: "redis:\\/\\/u:s3cret@h"',
    'url: "redis://u\\u003as3cret\\u0040h"',
    'url: "redis://u:\\\n  s3cret@h"',
    'url: redis://u:a\n  s3cret@h',
    'url: >-\n  redis://u:s3cret@h\n',
    'url: |\n  redis://u:s3cret@h\n',
    'url: &x redis://u:s3cret@h\nother: *x',
    '{url: redis://u:s3cret@h, other: 1}',
    '# url: redis://u:s3cret@h\nother: 1',
    'redis://u:s3cret@h: key',
    'url: redis://u:s3cret@h\nbroken: [',
    'jwksUrl: "http://u:a s3cret@h/x"',
    'jwksUrl: https://h/x?access_token=s3cret&b=1',
    'jwksUrl: "https:u:s3cret@h/x"',
  ])
    t.notRegex(redactConfig(text), /s3cret/, text);
});

/** Reproducible numbers in [0, 1). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test('whatever the URL parsers take a user or password from, none of it is left', (t) => {
  const random = numbers(7);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const PARTS = [
    'a',
    'S3CRET',
    ':',
    '@',
    '/',
    '?',
    '#',
    '%40',
    '%2F',
    ' ',
    ',',
    'h',
    ':6379',
    '[::1]',
    '\\',
    '&',
    '=',
    '"',
    "'",
    ';',
    '\t',
  ];
  const SCHEMES = [
    'redis://',
    'rediss://',
    'REDIS://',
    'redis+sentinel://',
    'redis+cluster://',
    'http://',
    'https://',
    'HTTP://',
  ];
  const taken = { redis: 0, web: 0 };
  for (let round = 0; round < 80_000; round++) {
    const url = pick(SCHEMES) + Array.from({ length: 1 + Math.floor(random() * 9) }, () => pick(PARTS)).join('');
    const redis = parseRedisUrl(url);
    const secrets =
      redis.kind === 'ok'
        ? [redis.target.credentials.username, redis.target.credentials.password]
        : [...(URL.canParse(url) ? [new URL(url).username, new URL(url).password] : [])];
    if (!secrets.some((each) => each?.includes('S3CRET'))) continue;
    taken[redis.kind === 'ok' ? 'redis' : 'web'] += 1;
    // What stands before the last @ of the authority is what the parsers read; a host may be called the same.
    const userInfo = url.slice(0, url.lastIndexOf('S3CRET', url.lastIndexOf('@')) + 6);
    const count = (text: string): number => text.split('S3CRET').length - 1;
    for (const [kept, form] of [
      [redactUrl(url), 'alone'],
      [redactUrls(`at ${url}`), 'in a line'],
      [redactConfig(`url: ${JSON.stringify(url)}\n`), 'in a configuration'],
    ] as const)
      if (count(kept) > count(url) - count(userInfo)) return t.fail(`${form}: ${url} → ${kept}`);
  }
  t.true(taken.redis > 100 && taken.web > 100, JSON.stringify(taken));
});
