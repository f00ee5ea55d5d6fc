import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { SAMPLE_CONFIG } from '../admin/testing/sample-context.ts';
import { BIN, mesh, run } from './testing/run-command.ts';

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
    endedAtMs: null,
    moves: [],
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

test('sessions with a digest tells the story of one session', async (t) => {
  const { run: holdfast, sample } = await mesh(t);
  const digest = `${'d'.repeat(12)}${'0'.repeat(52)}`;
  const session = {
    ...{ digest, server: 'linear', slot: 'b', backend: 'stable', userId: 'anonymous', type: 'http' },
    ...{ protocolVersion: '2025-11-25', client: 'claude 1', hasGetStream: false, epoch: 1 },
    ...{ createdAtMs: 1000, lastActivityMs: 9000, isEnded: false, endedAtMs: null },
    moves: [
      { atMs: 5000, reason: 'drain', tookMs: 31.4, fromSlot: 'a', from: 'linear-1', toSlot: 'b', to: 'linear-2' },
    ],
  };
  sample.world.sessions.push(session);
  const { out } = await holdfast('sessions', 'd'.repeat(12));
  t.regex(out, /^session d{12}0{52}\nof linear, user anonymous, client claude 1\n\nWHEN +TOOK +WHAT\n/);
  t.regex(out, /1970-01-01T00:00:01\.000Z {2}- +began on linear-1 \(slot a\)\n/);
  t.regex(out, /00:00:05\.000Z {2}31 ms {2}moved from linear-1 \(slot a\) to linear-2 \(slot b\): the replica drains/);
  t.like(JSON.parse((await holdfast('sessions', digest, '--json')).out), { replica: 'linear-2', epoch: 1 });
  t.is((await holdfast('sessions', 'e'.repeat(12))).code, 65);
  t.regex((await holdfast('sessions', 'dddd')).err, /expected the first 12 digits of a session’s digest/);
  sample.world.sessions.push({ ...session, digest: `${'d'.repeat(12)}${'1'.repeat(52)}` });
  t.regex((await holdfast('sessions', 'd'.repeat(12))).err, /several sessions have a digest/);
  sample.world.sessions.pop();
  Object.assign(session, { isEnded: true, endedAtMs: 8000 });
  t.is((await holdfast('sessions', 'd'.repeat(12))).code, 65);
  t.regex((await holdfast('sessions', digest)).out, /00:00:08\.000Z {2}- +ended\n$/);
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
  t.regex(
    (await holdfast('drain', '10.0.1.1:3000', '--no-wait')).err,
    /^holdfast: warning: no other healthy replica of files is left: new sessions are refused/,
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
