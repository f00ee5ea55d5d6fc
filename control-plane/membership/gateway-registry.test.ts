import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { readCertificateNames } from '../../proto/identity/certificate-names.ts';
import { formatMeshName, type MeshName } from '../../proto/identity/mesh-name.ts';
import { heartbeatSigner, writeHeartbeat } from '../../proto/identity/signed-heartbeat.ts';
import { createAuthority, issueLeaf, type KeyPair } from '../certs/authority.ts';
import { GatewayRegistry } from './gateway-registry.ts';
import type { Peer } from './peer.ts';

const beatOf = (nodeId: string, more: object = {}) => ({
  nodeId,
  version: '1',
  relay: ['127.0.0.1:7900'],
  peer: null,
  admin: null,
  listen: null,
  isDraining: false,
  atMs: 1,
  ...more,
});
const beat = (nodeId: string, more: object = {}): string => JSON.stringify(beatOf(nodeId, more));
const local: Peer = { host: '127.0.0.1', names: null };
const sidecar = (id: string, metadata: Record<string, unknown> = {}) => ({ id, role: 'sidecar', metadata });

function registry(trustDomain: string | null = null, authorities: readonly X509Certificate[] = []) {
  const world = { now: Date.now(), refused: [] as string[] };
  const gateways = new GatewayRegistry({
    trustDomain,
    authorities: () => authorities,
    goneAfterMs: () => 10_000,
    now: () => world.now,
    onRefused: (entry, reason) => world.refused.push(`${entry} ${reason}`),
  });
  const join = (node: ReturnType<typeof sidecar>, peer = local) => {
    const reason = gateways.admit(node, peer);
    if (reason === null) gateways.connected(node, peer);
    return reason;
  };
  return { world, gateways, join, ids: () => gateways.nodes().map(({ id }) => id) };
}

/** Certificates of one authority, by what they name. */
async function mesh() {
  const now = new Date();
  const authority = await createAuthority({ name: 'ours', days: 1, now });
  const pair = (mesh: Partial<MeshName>, altNames: string[] = [], from: KeyPair = authority) =>
    issueLeaf(from, {
      name: 'x',
      altNames,
      days: 1,
      now,
      uri: formatMeshName({ trustDomain: 'm', role: 'gateway', id: 'a', isGroup: false, ...mesh }),
    });
  const peer = async (host: string, of: Partial<MeshName>, altNames: string[] = []): Promise<Peer> => ({
    host,
    names: readCertificateNames(new X509Certificate((await pair(of, altNames)).certificate).subjectAltName),
  });
  return { authority: new X509Certificate(authority.certificate), pair, peer };
}

test('a node is there by its stream or by its heartbeat, and gone when both have been silent for the failover time', (t) => {
  const { world, gateways, join, ids } = registry();
  const begin = world.now;
  t.is(join(sidecar('b', { relay: ['127.0.0.1:2'], peer: '127.0.0.1:3' })), null);
  gateways.heartbeat(beat('a'));
  t.deepEqual(ids(), ['a', 'b']);
  world.now = begin + 9000;
  gateways.disconnected('b', 'sidecar');
  world.now = begin + 10_001;
  t.deepEqual(
    gateways.nodes().map(({ id, peer }) => [id, peer]),
    [['b', '127.0.0.1:3']],
  );
  world.now = begin + 20_000;
  t.deepEqual(ids(), []);
});

test('a connected node does not age, and one that comes back is there at once', (t) => {
  const { world, gateways, join, ids } = registry();
  join(sidecar('a'));
  world.now += 1e9;
  t.deepEqual(ids(), ['a']);
  gateways.disconnected('a', 'sidecar');
  world.now += 10_001;
  t.deepEqual(ids(), []);
  gateways.heartbeat(beat('a'));
  t.deepEqual(ids(), ['a']);
});

test('a node that is connected for long and writes no heartbeat is known as one that does not reach Redis', (t) => {
  const { world, gateways, join } = registry();
  join(sidecar('a'));
  t.deepEqual(gateways.withoutHeartbeat(), [], 'its first one may be on its way');
  world.now += 10_001;
  t.deepEqual(gateways.withoutHeartbeat(), ['a']);
  gateways.unreadable();
  t.deepEqual(gateways.withoutHeartbeat(), [], 'while Redis is away here, silence means nothing');
  world.now += 10_001;
  gateways.heartbeat(beat('a'));
  world.now += 10_001;
  t.deepEqual(gateways.withoutHeartbeat(), []);
});

test('the Envoy of a node says where clients reach it when the sidecar does not; an Envoy alone is no gateway', (t) => {
  const { gateways, join, ids } = registry();
  join({ id: 'a', role: 'gateway', metadata: { listen: '127.0.0.1:37373' } });
  t.deepEqual(ids(), []);
  gateways.heartbeat(beat('a'));
  t.is(gateways.nodes()[0]?.listen, '127.0.0.1:37373');
});

test('an Envoy that binds everywhere, or elsewhere, does not say where its node is reached', (t) => {
  for (const listen of ['0.0.0.0:37373', '10.0.0.9:37373', '[::]:1']) {
    const { gateways, join } = registry();
    t.is(join({ id: 'a', role: 'gateway', metadata: { listen } }), null);
    join(sidecar('a'));
    t.is(gateways.nodes()[0]?.listen, null, listen);
  }
});

test('what can’t be read as a heartbeat is passed over', (t) => {
  const { world, gateways, ids } = registry();
  for (const text of ['', '{', '{}', 'null', '[]', beat(''), `{"x":${'['.repeat(100_000)}`, beat('a', { relay: 'x' })])
    gateways.heartbeat(text);
  t.deepEqual(ids(), []);
  t.deepEqual(world.refused, []);
});

test('a node that is silent for long is gone, but not while Redis, where it would be heard, is away', (t) => {
  const { world, gateways, ids } = registry();
  gateways.heartbeat(beat('a'));
  for (const end = world.now + 60_000; world.now < end; world.now += 1000) gateways.unreadable();
  t.deepEqual(ids(), ['a']);
  world.now += 5000;
  t.deepEqual(ids(), ['a'], 'it has time to say that it is there');
  world.now += 6000;
  t.deepEqual(ids(), []);
});

test('without certificates only this machine’s processes are believed, at addresses of this machine', (t) => {
  const elsewhere = { relay: ['10.0.0.66:7900'] };
  for (const host of ['10.0.0.5', 'fe80::1', '8.8.8.8', '128.0.0.1']) {
    const { join, ids } = registry();
    t.is(join(sidecar('evil'), { host, names: null }), 'off_loopback', host);
    t.deepEqual(ids(), []);
  }
  const { world, gateways, join, ids } = registry();
  t.is(join(sidecar('evil', elsewhere)), 'address');
  t.is(join(sidecar('evil', { peer: '10.0.0.66:7902' })), 'address');
  t.is(join(sidecar('evil', { listen: 'evil.example:80' })), 'address');
  t.is(join(sidecar('evil', { listen: 'no address' })), 'address');
  gateways.heartbeat(beat('evil', elsewhere));
  gateways.heartbeat(beat('evil', { listen: 'evil.example:80' }));
  t.deepEqual(ids(), []);
  t.deepEqual(world.refused.slice(-2), ['heartbeat off_loopback', 'heartbeat off_loopback']);
});

test('nobody takes the name or the address of a node that is there', (t) => {
  const { world, gateways, join } = registry();
  const real = { relay: ['127.0.0.1:1'], peer: '127.0.0.1:2', listen: '127.0.0.1:3' };
  t.is(join(sidecar('a', real)), null);
  t.is(
    join(sidecar('a', real)),
    null,
    'its own second stream, when it comes back before the first is known to be over',
  );
  t.is(join(sidecar('a', { ...real, relay: ['127.0.0.1:66'] })), 'id_in_use');
  t.is(join(sidecar('a', { ...real, listen: '127.0.0.1:66' })), 'id_in_use');
  t.is(join(sidecar('a', real), { host: '127.0.0.2', names: null }), 'id_in_use');
  for (const taken of [{ relay: ['127.0.0.1:66', '127.0.0.1:1'] }, { peer: '127.0.0.1:2' }, { listen: '127.0.0.1:3' }])
    t.is(join(sidecar('evil', taken)), 'address_in_use', JSON.stringify(taken));
  gateways.heartbeat(beat('a', { ...real, relay: ['127.0.0.1:66'] }));
  gateways.heartbeat(beat('evil', real));
  t.deepEqual(world.refused.slice(-2), ['heartbeat id_in_use', 'heartbeat address_in_use']);
  t.deepEqual(
    gateways.nodes().map(({ id, relay }) => [id, relay]),
    [['a', ['127.0.0.1:1']]],
  );
  gateways.heartbeat(beat('a', { ...real, isDraining: true }));
  t.true(gateways.nodes()[0]?.isDraining, 'its own heartbeat says what changed');
});

test('a node known by its heartbeat alone, whose stream is with another control plane, is not displaced either', (t) => {
  const { world, gateways, join } = registry();
  gateways.heartbeat(beat('a'));
  t.is(join(sidecar('a', { relay: ['127.0.0.1:66'] })), 'id_in_use');
  t.is(join(sidecar('evil', { relay: ['127.0.0.1:7900'] })), 'address_in_use');
  world.now += 10_001;
  t.is(join(sidecar('a', { relay: ['127.0.0.1:66'] })), null, 'it is gone, so it may come back elsewhere');
  t.is(gateways.nodes()[0]?.relay[0], '127.0.0.1:66');
});

test('processes of one node share the address of their Envoy, other nodes do not', (t) => {
  const { join } = registry();
  const at = (port: number) => ({ relay: [`127.0.0.1:${port}`], listen: '127.0.0.1:80' });
  t.is(join(sidecar('node', at(1))), null);
  t.is(join(sidecar('node-2', at(2))), null);
  t.is(join(sidecar('node-x', at(3))), 'address_in_use');
  t.is(join(sidecar('other', at(4))), 'address_in_use');
  t.is(join(sidecar('node-3', at(5))), null, 'a third beside the second');
});

test('a further process is let in while its node’s first one is gone and their Envoy is there', (t) => {
  const { world, gateways, join, ids } = registry();
  const at = (port: number) => ({ relay: [`127.0.0.1:${port}`], listen: '127.0.0.1:80' });
  gateways.connected({ id: 'node', role: 'gateway', metadata: { listen: '127.0.0.1:80' } }, local);
  t.is(join(sidecar('node', at(1))), null);
  t.is(join(sidecar('node-2', at(2))), null);
  gateways.disconnected('node', 'sidecar');
  world.now += 60_000;
  t.deepEqual(ids(), ['node-2']);
  t.is(join(sidecar('node-3', at(3))), null);
});

test('nodes that are numbered themselves are not taken for processes of one node', (t) => {
  const { join } = registry();
  const at = (port: number) => ({ relay: [`127.0.0.1:${port}`], listen: '127.0.0.1:80' });
  t.is(join(sidecar('gateway-2', at(1))), null);
  t.is(join(sidecar('gateway-3', at(2))), 'address_in_use');
});

test('with certificates the name in it decides: mesh, role and node', async (t) => {
  const { peer } = await mesh();
  const { join } = registry('m');
  const ask = async (of: Partial<MeshName>, role = 'sidecar', id = 'a', host = '10.0.0.5') =>
    join({ id, role, metadata: { relay: [`${host}:7903`] } }, await peer(host, of));
  t.is(join(sidecar('a'), { host: '127.0.0.1', names: null }), 'no_certificate', 'loopback is nothing special then');
  t.is(await ask({ trustDomain: 'another' }), 'other_mesh');
  t.is(await ask({ role: 'edge' }), 'role');
  t.is(await ask({ role: 'control-plane' }), 'role');
  t.is(await ask({ role: 'gateway' }, 'edge'), 'role');
  t.is(await ask({}, ''), 'role');
  t.is(await ask({}, 'admin'), 'role');
  t.is(await ask({ id: 'b' }), 'id');
  t.is(await ask({ id: 'a', isGroup: true }), 'id', 'a group is for names that begin with its own');
  t.is(await ask({}), null);
  t.is(await ask({}, 'gateway'), null);
  t.is(await ask({ role: 'edge', id: 'e' }, 'edge', 'e'), null);
  t.is(await ask({ id: 'pods', isGroup: true }, 'sidecar', 'pods-7f-x', '10.0.0.6'), null);
});

test('with certificates an announced address is the one that it speaks from, or one that the certificate names', async (t) => {
  const { peer } = await mesh();
  const { join } = registry('m');
  const at = (address: string) => sidecar('a', { relay: [address] });
  t.is(join(at('10.0.0.66:7903'), await peer('10.0.0.5', {})), 'address');
  t.is(join(at('127.0.0.1:7903'), await peer('10.0.0.5', {})), 'address');
  t.is(join(at('10.0.0.66:7903'), await peer('10.0.0.5', {}, ['10.0.0.66'])), null);
  const group = await peer('10.0.0.7', { id: 'g', isGroup: true });
  t.is(join(sidecar('g-1', { relay: ['10.0.0.7:1'] }), group), null);
  t.is(
    join(sidecar('g-1', { relay: ['10.0.0.8:1'] }), { ...group, host: '10.0.0.8' }),
    'id_in_use',
    'one pod is not another',
  );
});

test('a heartbeat is believed when its node’s own certificate has signed it, and only while it is fresh', async (t) => {
  const { authority, pair, peer } = await mesh();
  const { world, gateways, join, ids } = registry('m', [authority]);
  const signed = async (nodeId: string, of: Partial<MeshName>, more: object = {}, from?: KeyPair) => {
    const { certificate, key } = await pair(of, [], from);
    return writeHeartbeat(
      beatOf(nodeId, { relay: ['10.0.0.5:7903'], atMs: world.now, validForMs: 15_000, ...more }),
      heartbeatSigner(certificate, key),
    );
  };
  const refusal = (text: string) => {
    world.refused.length = 0;
    gateways.heartbeat(text);
    return world.refused[0] ?? null;
  };
  const stranger = await createAuthority({ name: 'theirs', days: 1, now: new Date() });
  const good = await signed('a', {});
  t.is(refusal(beat('a')), 'heartbeat no_certificate');
  t.is(refusal(await signed('a', {}, {}, stranger)), 'heartbeat no_certificate');
  t.is(
    refusal(good.replace('10.0.0.5:7903', '10.0.0.6:7903')),
    'heartbeat no_certificate',
    'changed after it was signed',
  );
  t.is(refusal(await signed('b', {})), 'heartbeat id');
  t.is(refusal(await signed('a', { role: 'edge' })), 'heartbeat role');
  t.is(refusal(await signed('a', { trustDomain: 'x' })), 'heartbeat other_mesh');
  t.is(refusal(await signed('a', {}, { atMs: world.now - 600_000 })), 'heartbeat stale');
  t.deepEqual(ids(), []);
  t.is(refusal(good), null);
  t.deepEqual(ids(), ['a']);
  world.now += 5000;
  t.is(refusal(await signed('a', {})), null);
  t.is(refusal(good), 'heartbeat stale', 'an older one, written again');
  const last = await signed('a', {}, { atMs: world.now + 1 });
  t.is(refusal(last), null);
  world.now += 15_001;
  t.is(refusal(last), 'heartbeat stale', 'nobody keeps a dead node alive with its last word');
  world.now += 10_001;
  t.deepEqual(ids(), []);
  t.is(refusal(await signed('a', {}, { relay: ['10.0.0.9:7903'] })), null);
  t.is(join(sidecar('b', { relay: ['10.0.0.9:7903'] }), await peer('10.0.0.9', { id: 'b' })), 'address_in_use');
});
