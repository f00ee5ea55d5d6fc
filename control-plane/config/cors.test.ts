import test from 'ava';
import { parseConfig } from './parse-config.ts';

const problemsOf = (settings: string): string[] => {
  const parsed = parseConfig(`servers: [{name: a, ${settings}, backends: [{name: s, replicas: ["127.0.0.1:1"]}]}]`, {});
  return parsed.kind === 'ok' ? [] : parsed.problems.map(({ path }) => path);
};

test('a CORS policy needs origins, and cookies need named ones', (t) => {
  t.deepEqual(problemsOf('allowedOrigins: ["https://*.example.com"], cors: {allowCredentials: true}'), []);
  t.deepEqual(problemsOf('cors: {}'), ['servers[0].cors']);
  t.deepEqual(problemsOf('allowedOrigins: ["*"], cors: {allowCredentials: true}'), [
    'servers[0].cors.allowCredentials',
  ]);
  t.deepEqual(problemsOf('allowedOrigins: ["*"], cors: {allowHeaders: ["a b"]}'), ['servers[0].cors.allowHeaders[0]']);
});

test('origins and hosts that could match nothing are problems', (t) => {
  t.deepEqual(problemsOf('allowedOrigins: ["app.example.com"]'), ['servers[0].allowedOrigins[0]']);
  t.deepEqual(problemsOf('allowedHosts: ["https://mcp.example.com"]'), ['servers[0].allowedHosts[0]']);
});
