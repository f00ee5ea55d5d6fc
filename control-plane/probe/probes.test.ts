import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { modernReplica } from './testing/modern-replica.ts';
import { PROBE_DEFAULTS, type ProbeSettings } from './probe-settings.ts';
import { Probes, type ProbeResult } from './probes.ts';
import { SdkReplica } from './testing/sdk-replica.ts';

const QUICK: ProbeSettings = {
  ...PROBE_DEFAULTS,
  intervalMs: 40,
  retryMs: 20,
  timeoutMs: 30_000,
  fullIntervalMs: 100_000,
};
const target = (address: string, settings: Partial<ProbeSettings> = {}, replica = 'r1') => ({
  server: 's',
  replica,
  address,
  path: '/mcp',
  host: null,
  tls: null,
  settings: { ...QUICK, ...settings },
});

async function until(condition: () => boolean): Promise<void> {
  const limit = AbortSignal.timeout(60_000);
  while (!condition()) await sleep(10, undefined, { signal: limit });
}

function watch(...targets: ReturnType<typeof target>[]): {
  probes: Probes;
  changes: ProbeResult[];
  of: (replica?: string) => ProbeResult;
} {
  const changes: ProbeResult[] = [];
  const probes = new Probes({
    onChange: (result) => {
      changes.push(result);
    },
  });
  probes.watch(targets);
  return { probes, changes, of: (replica = 'r1') => probes.current().get(`s/${replica}`)! };
}

for (const isJson of [true, false]) {
  test(`a replica that answers in ${isJson ? 'JSON' : 'SSE'} is healthy, its tools are known, and one probe session is held and ended`, async (t) => {
    const replica = await new SdkReplica(['echo', 'add'], isJson).start();
    const { probes, of } = watch(target(replica.address));
    await until(() => of().health === 'healthy');
    t.deepEqual(
      of().tools?.map((tool) => tool.name),
      ['echo', 'add'],
    );
    t.deepEqual(of().eras, ['legacy']);
    t.is(replica.sessions.size, 1);
    await probes.stop();
    t.is(replica.sessions.size, 0);
    await replica.kill();
  });
}

test('renewing the probe session never leaves one behind', async (t) => {
  const replica = await new SdkReplica().start();
  const { probes, of } = watch(target(replica.address, { fullIntervalMs: 1, intervalMs: 5 }));
  await until(() => of().health === 'healthy');
  const seen = new Set<string>();
  await until(() => {
    for (const id of replica.sessions.keys()) seen.add(id);
    return seen.size >= 5;
  });
  t.true(replica.sessions.size <= 2);
  t.is(of().incarnation, 0);
  await probes.stop();
  t.is(replica.sessions.size, 0);
  await replica.kill();
});

test('a killed replica becomes unhealthy, and is a new incarnation when it is back', async (t) => {
  const replica = await new SdkReplica().start();
  const { probes, changes, of } = watch(target(replica.address));
  await until(() => of().health === 'healthy');
  await replica.kill();
  await until(() => of().health === 'unhealthy');
  t.is(of().incarnation, 0);
  await replica.start();
  await until(() => of().health === 'healthy');
  t.is(of().incarnation, 1);
  t.deepEqual(
    changes.map((each) => each.health),
    ['healthy', 'unhealthy', 'healthy'],
  );
  await probes.stop();
  await replica.kill();
});

test('a restart too quick to be seen as down is still a new incarnation', async (t) => {
  const replica = await new SdkReplica().start();
  const { probes, of } = watch(target(replica.address));
  await until(() => of().health === 'healthy');
  replica.sessions.clear();
  await until(() => of().incarnation === 1);
  t.is(of().health, 'healthy');
  await probes.stop();
  await replica.kill();
});

test('a report makes it look at once and believe a refusal', async (t) => {
  const replica = await new SdkReplica().start();
  const { probes, of } = watch(target(replica.address, { intervalMs: 3_600_000, retryMs: 3_600_000 }));
  await until(() => of().health === 'healthy');
  await replica.kill();
  probes.report('s', 'r1');
  await until(() => of().health === 'unhealthy');
  t.regex(of().detail, /ECONNREFUSED/);
  await probes.stop();
});

test('a missing expected tool, an error status and silence each make it unhealthy and say why', async (t) => {
  const [lacking, failing, hanging] = await Promise.all([
    new SdkReplica().start(),
    new SdkReplica().start(),
    new SdkReplica().start(),
  ]);
  failing.failsWith = 500;
  hanging.isHanging = true;
  const { probes, of } = watch(
    target(lacking.address, { expectedTools: ['echo', 'add'] }, 'a'),
    target(failing.address, {}, 'b'),
    target(hanging.address, { timeoutMs: 100, fullTimeoutMs: 100 }, 'c'),
  );
  await until(() => ['a', 'b', 'c'].every((name) => of(name).health === 'unhealthy'));
  t.is(of('a').detail, 'tools/list does not name add');
  t.regex(of('b').detail, /HTTP 500/);
  t.regex(of('c').detail, /^no answer in time \(/);
  await probes.stop();
  t.is(lacking.sessions.size, 0);
  await Promise.all([lacking.kill(), failing.kill(), hanging.kill()]);
});

test('a replica that was frozen and goes on is left with no session but the one that is held', async (t) => {
  const replica = await new SdkReplica().start();
  replica.freeze();
  const { probes, of } = watch(target(replica.address, { era: 'legacy', timeoutMs: 500, fullTimeoutMs: 500 }));
  // The first look leaves an initialize behind; those after it must not.
  await until(() => replica.held >= 3);
  t.is(of().health, 'unhealthy');
  replica.goOn();
  await until(() => of().health === 'healthy' && replica.sessions.size === 1);
  t.true(replica.begun >= 2);
  await probes.stop();
  t.is(replica.sessions.size, 0);
  await replica.kill();
});

test('a server that asks for authorization counts as healthy and the remark says what is not known', async (t) => {
  const replica = await new SdkReplica().start();
  replica.failsWith = 401;
  const { probes, of } = watch(target(replica.address));
  await until(() => of().health === 'healthy');
  t.regex(of().detail, /tokenFile/);
  await probes.stop();
  await replica.kill();
});

test('plain HTTP probes GET a path; `off` never looks', async (t) => {
  const replica = await new SdkReplica().start();
  replica.failsWith = 204;
  const { probes, of } = watch(target(replica.address, { type: 'http' }), target('127.0.0.1:1', { type: 'off' }, 'r2'));
  await until(() => of().health === 'healthy' && of('r2').health === 'healthy');
  replica.failsWith = 503;
  await until(() => of().health === 'unhealthy');
  t.is(of().detail, 'GET /health: HTTP 503');
  await probes.stop();
  await replica.kill();
});

test('changed settings go on with what was known; a replica that is not watched any more keeps no session', async (t) => {
  const replica = await new SdkReplica().start();
  const { probes, of, changes } = watch(target(replica.address));
  await until(() => of().health === 'healthy');
  probes.watch([target(replica.address, { intervalMs: 50 })]);
  t.is(of().health, 'healthy');
  probes.watch([]);
  t.is(probes.current().size, 0);
  await until(() => replica.sessions.size === 0);
  t.is(changes.length, 1);
  await probes.stop();
  await replica.kill();
});

test('a replica of the 2026-07-28 era is found out, and probed without a session', async (t) => {
  const { address, server } = await modernReplica(['echo']);
  const { probes, of } = watch(
    target(address),
    target(address, { era: 'modern', expectedTools: ['echo'] }, 'r2'),
    target(address, { era: 'modern', expectedTools: ['gone'] }, 'r3'),
  );
  await until(() => of().health === 'healthy' && of('r2').health === 'healthy' && of('r3').health === 'unhealthy');
  t.true(of().eras.includes('modern'));
  t.deepEqual(of('r2').eras, ['modern']);
  t.deepEqual(
    of('r2').tools?.map((tool) => tool.name),
    ['echo'],
  );
  t.is(of('r3').detail, 'tools/list does not name gone');
  await probes.stop();
  server.closeAllConnections();
  server.close();
});
