import test from 'ava';
import { parseConfig } from './parse-config.ts';

const with_ = (tracing: string) =>
  parseConfig(`tracing: ${tracing}\nservers: [{name: a, backends: [{name: b, replicas: ["127.0.0.1:1"]}]}]`, {});

test('tracing needs an endpoint, and has a default for all else', (t) => {
  const parsed = with_('{endpoint: "http://collector:4317"}');
  t.is(parsed.kind, 'ok');
  if (parsed.kind !== 'ok') return;
  t.deepEqual(parsed.config.tracing, {
    endpoint: 'http://collector:4317',
    protocol: 'grpc',
    headerFiles: {},
    from: ['edges', 'gateways', 'sidecars'],
    timeoutMs: 5000,
    sampling: { ratio: 0.01, followClients: false, keep: ['errors', 'recoveries'] },
  });
});

for (const [what, text] of [
  ['no endpoint', '{}'],
  ['another scheme', '{endpoint: "ftp://collector"}'],
  ['a password in the URL', '{endpoint: "http://u:hunter2@collector"}'],
  ['a token in the query', '{endpoint: "http://collector/?token=hunter2"}'],
  [
    'a header’s value where its file should stand',
    '{endpoint: "http://c", headerFiles: {authorization: "Bearer hunter2"}}',
  ],
  ['a header name in upper case', '{endpoint: "http://c", headerFiles: {Authorization: /a}}'],
  ['a ratio in percent', '{endpoint: "http://c", sampling: {ratio: 50}}'],
  ['nobody who sends', '{endpoint: "http://c", from: []}'],
  ['an unknown kind to keep', '{endpoint: "http://c", sampling: {keep: [all]}}'],
] as const)
  test(`tracing with ${what} is refused, and no secret is repeated`, (t) => {
    const parsed = with_(text);
    t.is(parsed.kind, 'bad');
    if (parsed.kind !== 'bad') return;
    t.true(parsed.problems.every(({ path }) => path.startsWith('tracing')));
    t.false(JSON.stringify(parsed.problems).includes('hunter2'), JSON.stringify(parsed.problems));
  });
