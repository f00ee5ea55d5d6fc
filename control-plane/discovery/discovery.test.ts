import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { DiscoveryConfig } from '../config/backend-schema.ts';
import { refreshAfterMs } from './dns-answer.ts';
import { Discovery } from './discovery.ts';
import { FakeDnsServer } from './testing/fake-dns-server.ts';
import { follow, until } from './testing/follow.ts';

const dns = (server: FakeDnsServer, more: object): DiscoveryConfig =>
  ({
    type: 'dns',
    name: 'mcp.test',
    record: 'A',
    port: 3000,
    resolvers: [server.address],
    minRefreshMs: 20,
    maxRefreshMs: 60_000,
    ...more,
  }) as DiscoveryConfig;

test('listed replicas are there at once', (t) => {
  const seen: string[] = [];
  const discovery = new Discovery({
    onChange: (server, backend, report) => {
      seen.push(`${server}/${backend} ${report.replicas?.map((each) => each.name).join(',')}`);
    },
  });
  discovery.watch([
    {
      server: 's',
      backend: 'stable',
      replicas: [
        { address: '127.0.0.1:2', name: 'b' },
        { address: '127.0.0.1:1', name: 'a' },
      ],
    },
  ]);
  discovery.watch([
    { server: 's', backend: 'stable', replicas: [{ address: '127.0.0.1:1', name: 'a' }] },
    { server: 's', backend: 'canary', replicas: [] },
  ]);
  discovery.watch([{ server: 's', backend: 'canary', replicas: [] }]);
  t.deepEqual(seen, ['s/stable a,b', 's/stable a', 's/canary ']);
  t.deepEqual([...discovery.current().keys()], ['s/canary']);
});

test('DNS: replicas come and go, and a failing name server changes nothing but the remark', async (t) => {
  const server = await new FakeDnsServer().start();
  t.teardown(() => {
    server.stop();
  });
  server.zone.set('A mcp.test', [{ ttl: 0, address: '10.0.0.1' }]);
  const { names, report } = follow(t, dns(server, {}));
  await until(() => names() === '10.0.0.1:3000');
  server.zone.set('A mcp.test', [
    { ttl: 0, address: '10.0.0.1' },
    { ttl: 0, address: '10.0.0.2' },
  ]);
  await until(() => names() === '10.0.0.1:3000 10.0.0.2:3000');
  server.failsWith = 2;
  await until(() => report().problem === 'DNS A mcp.test: the name server failed');
  t.is(names(), '10.0.0.1:3000 10.0.0.2:3000');
  server.failsWith = null;
  server.zone.delete('A mcp.test');
  await until(() => report().problem === 'DNS A mcp.test: there is no such name');
  t.is(names(), '10.0.0.1:3000 10.0.0.2:3000');
  server.zone.set('A mcp.test', [{ ttl: 3600, address: '10.0.0.2' }]);
  await until(() => names() === '10.0.0.2:3000' && report().problem === null);
});

test('DNS: the next question comes with the shortest TTL, within the bounds', (t) => {
  const bounds = { minRefreshMs: 1000, maxRefreshMs: 30_000 };
  t.deepEqual(
    [[5, 60], [0], [3600], []].map((ttls) => refreshAfterMs(ttls, bounds)),
    [5000, 1000, 30_000, 1000],
  );
});

test('DNS: AAAA and SRV, SRV bringing ports and only the best priority', async (t) => {
  const server = await new FakeDnsServer().start();
  t.teardown(() => {
    server.stop();
  });
  server.zone.set('AAAA mcp.test', [{ ttl: 5, address: 'fd00::7' }]);
  server.zone.set('SRV _mcp._tcp.test', [
    { ttl: 5, priority: 1, port: 4001, target: 'one.test' },
    { ttl: 5, priority: 1, port: 4002, target: 'two.test' },
    { ttl: 5, priority: 9, port: 4003, target: 'spare.test' },
  ]);
  server.zone.set('A one.test', [{ ttl: 5, address: '10.0.0.1' }]);
  server.zone.set('AAAA two.test', [{ ttl: 5, address: 'fd00::2' }]);
  const six = follow(t, dns(server, { record: 'AAAA' }));
  const srv = follow(t, dns(server, { record: 'SRV', name: '_mcp._tcp.test', port: undefined }));
  await until(() => six.report().replicas !== null && srv.report().replicas !== null);
  t.is(six.names(), '[fd00::7]:3000');
  t.deepEqual(srv.report().replicas, [
    { name: 'one.test:4001', address: '10.0.0.1:4001', isTerminating: false },
    { name: 'two.test:4002', address: '[fd00::2]:4002', isTerminating: false },
  ]);
  t.false(server.asked.includes('A spare.test'));
});

test('file: changes are followed, also by rename; a bad or missing file keeps what was known and says where', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-discovery-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'replicas.yaml');
  const { names, report } = follow(t, { type: 'file', path });
  await until(() => report().problem !== null);
  t.regex(report().problem!, /there is no such file/);
  await writeFile(path, '["10.0.0.1:3000"]');
  await until(() => names() === '10.0.0.1:3000' && report().problem === null);
  await writeFile(join(folder, 'next'), '- address: 10.0.0.2:3000\n  name: two\n- 10.0.0.3:3000\n');
  await rename(join(folder, 'next'), path);
  await until(() => names() === '10.0.0.3:3000 two');
  await writeFile(path, '- 10.0.0.2:3000\n- localhost:3000\n');
  await until(() => /entry 2: expected an IP address and a port/.test(report().problem ?? ''));
  t.is(names(), '10.0.0.3:3000 two');
});
