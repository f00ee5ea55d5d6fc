import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { controlServer } from '../../proto/http/control-server.ts';
import { adminApi } from '../admin/api.ts';
import { sampleContext, SAMPLE_CONFIG, type Sample } from '../admin/testing/sample-context.ts';
import { all, program } from './program.ts';

const BIN = fileURLToPath(new URL('bin.js', import.meta.url));
interface Ran {
  code: number;
  out: string;
  err: string;
}
interface Mesh {
  run: (...args: string[]) => Promise<Ran>;
  sample: Sample;
  folder: string;
  env: NodeJS.ProcessEnv;
}

/** The command, run as users run it, in a folder of its own, against the admin API of a sample mesh. */
async function mesh(t: ExecutionContext, token: string | null = null): Promise<Mesh> {
  const sample = await sampleContext(),
    folder = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
  const handle = await adminApi({ context: sample.context, token });
  const server = controlServer({
    handle: (request, response, url) => handle(request, response, url) ?? response.writeHead(404).end('{}'),
    onError: (error) => t.fail(String(error)),
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await sample.stop();
    await rm(folder, { recursive: true, force: true });
  });
  await writeFile(join(folder, 'holdfast.yaml'), SAMPLE_CONFIG);
  const env = { PATH: process.env['PATH'], HOLDFAST_ADMIN: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  return { sample, folder, env, run: (...args) => run(args, { cwd: folder, env }) };
}

const run = (args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], options, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });

test('validate says every problem with its line, and is 64 then', async (t) => {
  const { run: holdfast, folder } = await mesh(t);
  t.deepEqual(await holdfast('validate'), {
    code: 0,
    out: 'holdfast.yaml is valid: 2 server(s), 3 backend(s)\n',
    err: '',
  });
  await writeFile(join(folder, 'bad.yaml'), 'servers:\n  - name: Linear\n    backends: []\n');
  const bad = await holdfast('validate', 'bad.yaml');
  t.is(bad.code, 64);
  t.regex(
    bad.err,
    /bad\.yaml: 2 problem\(s\)\nbad\.yaml:2:\d+: servers\[0\]\.name: .*\nbad\.yaml:3:\d+: servers\[0\]\.backends: /,
  );
  t.like(JSON.parse((await holdfast('validate', 'bad.yaml', '--json')).out), { isValid: false });
  t.regex((await holdfast('validate', 'nowhere.yaml')).err, /nowhere\.yaml can’t be read/);
});

test('schema is JSON Schema', async (t) => {
  t.like(JSON.parse((await run(['schema'])).out), { title: 'Holdfast configuration' });
});

test('status, servers, replicas, gateways and sessions show tables for people and JSON for scripts', async (t) => {
  const { run: holdfast, sample } = await mesh(t);
  sample.world.sessions.push({
    digest: 'd'.repeat(64),
    server: 'linear',
    slot: 'a',
    backend: 'stable',
    userId: 'anonymous',
    type: 'http',
    protocolVersion: '2025-11-25',
    client: 'claude 1\u001b[31m',
    hasGetStream: true,
    epoch: 0,
    createdAtMs: 0,
    lastActivityMs: 0,
    isEnded: false,
  });
  const [status, servers, replicas, gateways, sessions] = await Promise.all([
    holdfast('status'),
    holdfast('servers'),
    holdfast('replicas', '--server', 'linear'),
    holdfast('gateways'),
    holdfast('sessions', '--replica', 'linear-1'),
  ]);
  t.regex(status.out, /session store {2}redis, up[\s\S]*linear[\s\S]*gateway-1/);
  t.regex(servers.out, /^SERVER +PATH .*\nfiles +\/mcp\/files +1 +1 +0 +off +- +main 100 \(1\)\nlinear /);
  t.regex(
    replicas.out,
    /linear {2}linear-1 +stable +a +10\.0\.0\.1:3000 +active +steady +50 % +healthy: answers in 3 ms/,
  );
  t.regex(gateways.out, /gateway-1 +- +active +sidecar/);
  t.regex(sessions.out, /^DIGEST[\s\S]*dddddddddddd {2}linear {2}linear-1 .*claude 1 \[31m/);
  t.is((JSON.parse((await holdfast('replicas', '--json')).out) as unknown[]).length, 4);
});

test('explain takes a session id, headers and a path', async (t) => {
  const { run: holdfast } = await mesh(t);
  t.regex(
    (await holdfast('explain', '--server', 'linear', 'b~x')).out,
    /^route {4}linear\/guarded\nreplica {2}linear-2 \(10\.0\.0\.2:3000, slot b\)\n\n1\. /,
  );
  t.regex((await holdfast('explain', '--method', 'GET', '/mcp/files', 'Mcp-Session-Id: d~x')).out, /files\/steady/);
  t.regex((await holdfast('explain', 'what is this')).err, /neither a path, a session id, nor a header/);
});

test('drain waits and shows how far it is; undrain takes it in again', async (t) => {
  const { run: holdfast, sample } = await mesh(t);
  const clock = setInterval(() => {
    sample.world.now += 500;
  }, 20);
  t.teardown(() => {
    clearInterval(clock);
  });
  t.regex((await holdfast('drain', 'linear-1', '--deadline', '10m')).out, /^linear linear-1: drained: nothing is left/);
  t.regex((await holdfast('drain', 'list')).out, /linear linear-1 +drained +0 +0/);
  t.is((await holdfast('undrain', 'linear/linear-1')).out, 'linear linear-1: takes new sessions again\n');
  const late = await holdfast('drain', '--server', 'linear', '--backend', 'canary', '--deadline', '0s');
  t.is(late.code, 1);
  t.regex(late.err, /deadline came first/);
  t.regex(
    (await holdfast('drain', '--gateway', 'gateway-1', '--no-wait')).out,
    /gateway gateway-1: draining, at most 60s/,
  );
});

test('a rollout is started, watched, held, resumed, paused, aborted, cleared, promoted', async (t) => {
  const { run: holdfast } = await mesh(t);
  t.is((await holdfast('rollout', 'contract', 'linear', '--from', 'stable', '--to', 'canary')).code, 1);
  t.regex(
    (
      await holdfast(
        'rollout',
        'start',
        'linear',
        '--from',
        'stable',
        '--to',
        'canary',
        '--steps',
        '5,100',
        '--interval',
        '1s',
      )
    ).out,
    /^linear stable → canary: preflight: just started/,
  );
  t.regex(
    (await holdfast('rollout', 'status')).out,
    /linear +stable +canary +canary +5 → 100 +preflight +stable 100, canary 0/,
  );
  t.regex((await holdfast('rollout', 'pause', 'linear')).out, /preflight \(paused\)/);
  t.regex((await holdfast('rollout', 'resume', 'linear')).out, /preflight: /);
  t.regex((await holdfast('rollout', 'abort', 'linear')).out, /aborted: aborted by an operator/);
  t.is((await holdfast('rollout', 'status', 'linear', '--watch')).code, 1);
  t.is((await holdfast('rollout', 'clear', 'linear')).out, 'linear: the configured weights are in force again\n');
  await holdfast('rollout', 'start', 'linear', '--from', 'stable', '--to', 'canary', '--strategy', 'blue-green');
  t.regex((await holdfast('rollout', 'promote', 'linear')).out, /promoted/);
  t.is((await holdfast('rollout', 'status', 'linear', '--watch')).code, 0);
});

test('breakers are listed and ordered', async (t) => {
  const { run: holdfast, sample } = await mesh(t);
  t.regex((await holdfast('breaker', 'list')).out, /linear {2}replica {2}linear-1 {2}open/);
  for (const order of ['force-open', 'disable', 'observe', 'reset'])
    t.is((await holdfast('breaker', order, 'linear', '--tool', 'add')).code, 0);
  t.deepEqual(
    sample.world.orders,
    ['force-open', 'disable', 'observe', 'reset'].map((order) => `linear tool add ${order}`),
  );
});

test('configurations: history, show, diff, rollback', async (t) => {
  const {
    run: holdfast,
    sample: { world, context },
  } = await mesh(t);
  world.file = SAMPLE_CONFIG.replace('weight: 100', 'weight: 50');
  await context.versions.accept(world.file);
  t.regex((await holdfast('config', 'history')).out, /^VERSION[\s\S]*\n1 [\s\S]*\n2 /);
  t.is((await holdfast('config', 'show', '1')).out, SAMPLE_CONFIG);
  t.regex((await holdfast('config', 'diff', '1', '2')).out, /^- .*weight: 100.*\n\+ .*weight: 50/m);
  t.regex((await holdfast('config', 'rollback', '1')).out, /version 1 is in holdfast\.yaml again/);
  t.is(world.file, SAMPLE_CONFIG);
});

test('events are listed and followed', async (t) => {
  const {
    run: holdfast,
    sample: { context },
    env,
  } = await mesh(t);
  t.is((await holdfast('events')).out, 'nothing happened yet\n');
  context.events.append({ kind: 'replica.unhealthy', level: 'warning', server: 'linear', message: 'linear-1 fell' });
  t.regex((await holdfast('events', '--kind', 'replica')).out, /warning {2}replica\.unhealthy +linear-1 fell\n/);
  const follower = spawn(process.execPath, [BIN, 'events', '--follow', '--json'], { env });
  const lines: string[] = [];
  for await (const piece of follower.stdout) {
    lines.push(...String(piece).trim().split('\n'));
    if (lines.length === 1) context.events.append({ kind: 'x', message: 'next' });
    if (lines.length === 2) break;
  }
  follower.kill('SIGTERM');
  t.deepEqual(
    lines.map((line) => (JSON.parse(line) as { message: string }).message),
    ['linear-1 fell', 'next'],
  );
});

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
    [64, /missing required argument 'version'/, 'config', 'rollback'],
    [64, /required option '--to <backend>'/, 'rollout', 'start', 'linear', '--from', 'stable'],
    [64, /Allowed choices are bash, zsh/, 'completion', 'fish'],
    [64, /Allowed choices are canary/, 'rollout', 'start', 'linear', '--from', 'a', '--to', 'b', '--strategy', 'yolo'],
    [64, /"soon" is not a time/, 'drain', 'linear-1', '--deadline', 'soon'],
    [64, /name one thing/, 'drain'],
    [64, /name one thing/, 'drain', 'linear-1', '--gateway', 'gateway-1'],
    [64, /--backend needs --server/, 'drain', '--backend', 'canary'],
    [64, /name one breaker/, 'breaker', 'reset', 'linear'],
    [64, /"x" is not a number/, 'rollout', 'start', 'linear', '--from', 'stable', '--to', 'canary', '--min-calls', 'x'],
    [64, /not the number of a version/, 'config', 'diff', 'x'],
    [64, /expected ip:port or a URL/, '--admin', 'http://', 'status'],
    [64, /token-file nowhere/, '--token-file', 'nowhere', 'status'],
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
