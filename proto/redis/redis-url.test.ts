import test from 'ava';
import { parseRedisUrl } from './redis-url.ts';

const target = (url: string) => {
  const parsed = parseRedisUrl(url);
  if (parsed.kind === 'bad') throw new Error(parsed.problem);
  return parsed.target;
};
const problem = (url: string) => {
  const parsed = parseRedisUrl(url);
  return parsed.kind === 'bad' ? parsed.problem : 'no problem';
};

test('a plain URL names one node, its database and its user', (t) => {
  t.deepEqual(target('redis://ann:p%40ss@cache.example:6380/3'), {
    kind: 'single',
    isTls: false,
    credentials: { username: 'ann', password: 'p@ss' },
    node: { host: 'cache.example', port: 6380 },
    db: 3,
  });
  t.deepEqual(target('rediss://:secret@[::1]'), {
    kind: 'single',
    isTls: true,
    credentials: { username: null, password: 'secret' },
    node: { host: '::1', port: 6379 },
    db: 0,
  });
});

test('sentinels and clusters are lists of hosts', (t) => {
  t.like(target('redis+sentinel://a:26379,b/main/2'), {
    kind: 'sentinel',
    nodes: [
      { host: 'a', port: 26379 },
      { host: 'b', port: 26379 },
    ],
    master: 'main',
    db: 2,
  });
  t.like(target('rediss+cluster://a:7000,b:7001'), {
    kind: 'cluster',
    isTls: true,
    nodes: [
      { host: 'a', port: 7000 },
      { host: 'b', port: 7001 },
    ],
  });
});

test('what is wrong with a URL is said, without its password', (t) => {
  t.regex(problem('http://localhost'), /not a Redis URL/);
  t.regex(problem('redis://a,b'), /several hosts/);
  t.regex(problem('redis://a:99999'), /host 1 has a port that is not in 1–65535/);
  t.regex(problem('redis://a/zero'), /database number/);
  t.regex(problem('redis+sentinel://a:1'), /name of the primary/);
  t.regex(problem('redis+cluster://a/1'), /database 0/);
  t.regex(problem('redis://'), /host 1 is missing/);
  t.notRegex(problem('redis://u:hunter2@a b'), /hunter2/);
  for (const rest of [
    'a@hunter2@a:1',
    'a/hunter2@a',
    'x@a,y:hunter2@b',
    'x@a/hunter2',
    'x@a?p=hunter2',
    'x@a#hunter2',
    'a hunter2@a',
  ])
    for (const scheme of ['redis', 'rediss', 'redis+sentinel', 'redis+cluster'])
      t.notRegex(problem(`${scheme}://u:${rest}`), /hunter2/, rest);
});
