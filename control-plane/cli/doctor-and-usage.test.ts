import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { all, program } from './program.ts';
import { BIN, mesh, run } from './testing/run-command.ts';

test('doctor is 1 when something is bad, and says what to do', async (t) => {
  const { run: holdfast } = await mesh(t);
  const { code, out, err } = await holdfast('doctor');
  t.is(code, 1);
  t.regex(out, /BAD {3}gateways +gateway-2: named in HA_CLUSTER_NODES, but not there\n +Start it/);
  t.is(err, 'holdfast: 1 bad\n');
});

test('doctor judges 30 days when there is a Prometheus to ask', async (t) => {
  const { run: holdfast } = await mesh(t),
    asked: string[] = [];
  const answers: [RegExp, [Record<string, string>, string][]][] = [
    [
      /mcp_requests_total/,
      [
        [{ server_id: 'linear' }, '0.0034'],
        [{ server_id: 'files' }, 'NaN'],
      ],
    ],
    [/mcp_session_lost_total/, [[{ server_id: 'linear' }, '0']]],
    [/mcp_request_duration_seconds/, [[{ server_id: 'linear' }, '0.25']]],
    [/mcp_failover/, []],
    [/^avg_over_time/, [[{ node: 'gateway-1' }, '0.9']]],
    [/ALERTS/, [[{ alertname: 'RedisSlow', severity: 'warning' }, '1']]],
  ];
  const prometheus = createServer((request, response) => {
    let body = '';
    request
      .on('data', (piece: Buffer) => {
        body += String(piece);
      })
      .on('end', () => {
        const query = new URLSearchParams(body).get('query')!,
          result = answers
            .find(([about]) => about.test(query))![1]
            .map(([metric, value]) => ({ metric, value: [0, value] }));
        asked.push(query);
        response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
      });
  });
  await new Promise<void>((resolve) => {
    prometheus.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(prometheus.address() as AddressInfo).port}`;
  const { code, out } = await holdfast('doctor', '--prometheus', url);
  t.is(code, 1);
  for (const line of [
    /BAD {3}sla +linear: 99\.66 % of requests answered over 30d; the objective is 99\.9 %\n +The budget of 30 days is gone/,
    /ok {4}sla +linear: 100 % of sessions kept over 30d, none lost/,
    /ok {4}response-time +linear: p99 of tool calls over 30d: 0\.25 s/,
    /warn {2}gateways +gateway-1: up 90 %/,
    /warn {2}errors +RedisSlow: fires/,
  ])
    t.regex(out, line);
  t.is(asked.length, 6);
  prometheus.closeAllConnections();
  await new Promise((resolve) => {
    prometheus.close(resolve);
  });
  t.regex(
    (await holdfast('doctor', '--prometheus', url)).out,
    /BAD {3}control-plane +Prometheus: .* can’t be asked: ECONNREFUSED\n +Without it alerts are silent/,
  );
  t.is((await holdfast('doctor', '--prometheus', 'localhost')).code, 64);
});

test('completion offers commands and options, in bash itself', async (t) => {
  const script = (await run(['completion', 'bash'])).out;
  const complete = (...words: string[]): Promise<string> =>
    new Promise((resolve) => {
      const code = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _holdfast; echo "\${COMPREPLY[@]}"`;
      execFile('bash', ['-c', code], (_error, out) => {
        resolve(out.trim());
      });
    });
  t.is(await complete('holdfast', 'ro'), 'rollout');
  t.is(await complete('holdfast', 'rollout', 'pa'), 'pause');
  t.is(await complete('holdfast', '--json', 'breaker', 'force-open', 'linear', '--to'), '--tool --token-file');
  t.is(await complete('holdfast', 'completion', ''), 'bash zsh');
  t.regex((await run(['completion', 'zsh'])).out, /^#compdef holdfast/);
});

test('every command has help', async (t) => {
  const missing = all(program())
    .filter((command) => command.description() === '')
    .map((command) => command.name());
  t.deepEqual(missing, []);
  t.regex((await run(['--help'])).out, /Exit codes:/);
  t.regex((await run(['rollout', 'start', '--help'])).out, /--max-errors <percent>/);
});

test('bad input: the message says what is wrong, the exit code says what kind', async (t) => {
  const { run: holdfast, sample, folder, env } = await mesh(t);
  const cases: Array<[number, RegExp, ...string[]]> = [
    [64, /unknown command 'frob'/, 'frob'],
    [64, /unknown option '--frob'/, 'status', '--frob'],
    [64, /unknown command 'open'\nholdfast breaker has the commands list, force-open/, 'breaker', 'open', 'linear'],
    [64, /unknown command 'list'\nholdfast config has the commands history,/, 'config', 'list'],
    [64, /holdfast events has the options --follow, --server, --kind/, 'events', '--level', 'error'],
    [64, /nowhere can’t be read: there is no such file\n$/, 'validate', 'nowhere'],
    [64, /nowhere can’t be read: there is no such file; name another one/, '--config', 'nowhere', 'validate'],
    [64, /: it is a folder/, 'inject', '-f', '/'],
    [64, /can’t be used: .* file, and not a folder\n$/, 'certs', 'init', 'edge', '--dir', `${process.execPath}/certs`],
    [64, /missing required argument 'version'/, 'config', 'rollback'],
    [64, /required option '--to <backend>'/, 'rollout', 'start', 'linear', '--from', 'stable'],
    [64, /Allowed choices are bash, zsh/, 'completion', 'fish'],
    [64, /Allowed choices are success, tool_error/, 'tap', '--outcome', 'sucess'],
    [64, /Allowed choices are canary/, 'rollout', 'start', 'linear', '--from', 'a', '--to', 'b', '--strategy', 'yolo'],
    [64, /"soon" is not a time/, 'drain', 'linear-1', '--deadline', 'soon'],
    [64, /name one thing/, 'drain'],
    [64, /name one thing/, 'drain', 'linear-1', '--gateway', 'gateway-1'],
    [64, /--backend needs --server/, 'drain', '--backend', 'canary'],
    [64, /name one breaker/, 'breaker', 'reset', 'linear'],
    [64, /"x" is not a number/, 'rollout', 'start', 'linear', '--from', 'stable', '--to', 'canary', '--min-calls', 'x'],
    [64, /not the number of a version/, 'config', 'diff', 'x'],
    [64, /expected ip:port or a URL/, '--admin', 'http://', 'status'],
    [64, /token-file nowhere can’t be read: there is no such file/, '--token-file', 'nowhere', 'status'],
    [64, /expected a method/, 'explain', 'a~b', '--method', 'G E T'],
    [65, /no server liner/, 'replicas', '--server', 'liner'],
    [65, /there is no replica nobody/, 'drain', 'nobody'],
    [65, /is not drained/, 'undrain', 'linear-1'],
    [65, /no backend green/, 'rollout', 'start', 'linear', '--from', 'stable', '--to', 'green'],
    [65, /no rollout of linear/, 'rollout', 'pause', 'linear'],
    [65, /no version 7/, 'config', 'rollback', '7'],
    [65, /no server liner/, 'breaker', 'reset', 'liner', '--tool', 'x'],
    [65, /query\.limit/, 'sessions', '--limit', 'many'],
    [65, /no server liner/, 'explain', '--server', 'liner', 'a~b'],
    [65, /query\.limit/, 'events', '--limit', '0'],
    [69, /can’t be reached at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/, '--admin', '127.0.0.1:1', 'status'],
  ];
  for (const [code, description, ...args] of cases) {
    const ran = await holdfast(...args);
    t.is(ran.code, code, args.join(' '));
    t.regex(ran.err, description, args.join(' '));
    t.is(ran.out, '', args.join(' '));
  }
  t.deepEqual(
    [sample.context.drains.current().length, sample.context.rollouts.current().size, sample.world.orders.length],
    [0, 0, 0],
  );
  const guarded = await mesh(t, 'a secret');
  t.is((await guarded.run('status')).code, 77);
  await writeFile(join(folder, 'token'), 'a secret\n');
  t.is(
    (
      await run(['status', '--token-file', join(folder, 'token')], {
        env: { ...env, HOLDFAST_ADMIN: guarded.env['HOLDFAST_ADMIN'] },
      })
    ).code,
    0,
  );
});

test('a command that follows a stream says that it waits', async (t) => {
  const { env } = await mesh(t);
  const follower = spawn(process.execPath, [BIN, 'events', '--follow'], { env });
  const [said] = (await once(follower.stderr, 'data')) as [Buffer];
  follower.kill('SIGTERM');
  t.is(String(said), 'holdfast: no new event yet; waiting for the next one (Ctrl-C ends this)\n');
});

test('whatever the control plane says, a command writes no control of a terminal, on neither stream', async (t) => {
  const evil = 'a\u001b]0;x\u0007\u009b2J\u202e\u061c\u200b\ufeffb\rc';
  const answers: Record<string, [number, unknown]> = {
    '/v1/events': [200, [{ id: '1', atMs: 0, kind: evil, level: evil, message: evil }]],
    '/v1/sessions': [500, { error: { code: evil, message: `${evil}\n${evil}` } }],
  };
  const server = createServer(({ url = '' }, response) => {
    const [status, body] = answers[new URL(url, 'http://x').pathname] ?? [404, { error: { message: evil } }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  const admin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const command of [['events'], ['explain', '--server', 'x'], ['sessions'], ['replicas']]) {
    const { out, err } = await run(['--admin', admin, ...command]);
    t.true(out.length + err.length > 0, command.join(' '));
    t.notRegex(
      out + err,
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202e\ufeff]/,
      command.join(' '),
    );
  }
});

test('a stream that breaks off is said in one line, and no control of a terminal passes', async (t) => {
  const tool = 'a\u001b[2J\u009b2J\u202eb';
  const call = {
    ...{ atMs: 0, server: 'linear', method: 'tools/call', tool, replica: 'linear-1', slot: '1', outcome: 'success' },
    ...{ errorCode: null, durationMs: 1, session: null, traceId: null, node: 'gateway-1' },
  };
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write(`${JSON.stringify(call)}\n`, () => setImmediate(() => response.destroy()));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  const admin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const more of [[], ['--json']]) {
    const { code, out, err } = await run(['--admin', admin, 'tap', ...more]);
    t.is(code, 69);
    t.is(err, 'holdfast: the control plane ended the stream; is it restarting?\n');
    t.notRegex(out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    if (more.length > 0) t.is((JSON.parse(out) as { tool: string }).tool, tool);
  }
});
