import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { REDIS } from '../../../../proto/wire.ts';
import { openAdsStream } from '../ads-stream.ts';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import type { AttackMesh } from '../attack-mesh.ts';
import { ATTACKER, exchange } from '../http-client.ts';
import { redisAnswer } from '../../mesh/start-redis.ts';

interface Rogue {
  id: (mesh: AttackMesh) => string;
  role: string;
  /** What it says of itself. */
  metadata: Record<string, unknown>;
}
/** Somewhere else than this machine: without certificates everybody on loopback is one, and nobody else is. */
const evil = { listen: '10.0.0.66:80', relay: ['10.0.0.66:7900'], peer: '10.0.0.66:7902' };
const local = { listen: '127.0.0.1:9', relay: ['127.0.0.1:9'], peer: '127.0.0.1:9' };
const ROGUES: Record<string, Rogue> = {
  'foreign-address': { id: () => 'aaa-evil', role: 'sidecar', metadata: evil },
  'foreign-name': { id: () => 'aaa-evil', role: 'sidecar', metadata: { ...local, relay: ['evil.example:7900'] } },
  'id-of-a-gateway': { id: ({ mesh }) => mesh.gateways[0]?.name ?? '', role: 'sidecar', metadata: local },
  'listens-elsewhere': { id: () => 'aaa-evil', role: 'gateway', metadata: { listen: '10.0.0.1:1' } },
  'prototype-as-id': { id: () => '__proto__', role: 'sidecar', metadata: evil },
  'thousands-of-relays': {
    id: () => 'aaa-evil',
    role: 'sidecar',
    metadata: { ...evil, relay: Array.from({ length: 5000 }, (_, index) => `10.0.0.${index % 250}:7900`) },
  },
  'address-of-another-form': { id: () => 'aaa-evil', role: 'sidecar', metadata: { ...local, relay: ['2130706433:9'] } },
  'drains-a-gateway': {
    id: ({ mesh }) => mesh.gateways[1]?.name ?? '',
    role: 'sidecar',
    metadata: { ...local, isDraining: true },
  },
};

/** A stream from another loopback address than any process of the mesh. */
function announce(mesh: AttackMesh, { id, role, metadata }: Rogue): ReturnType<typeof openAdsStream> {
  const port = Number(mesh.mesh.controlPlane.xds.split(':')[1]);
  return openAdsStream(() => connect({ port, host: '127.0.0.1', localAddress: ATTACKER }), {
    id: id(mesh),
    role,
    metadata,
  });
}

const gatewaysOf = async ({ mesh }: AttackMesh): Promise<string> =>
  (await exchange(`${mesh.controlPlane.adminUrl}/v1/gateways`, { method: 'GET', from: '127.0.0.1' })).body;

const streams = casesOf(
  'rogue-members',
  { finding: '2', goal: 'not a gateway, no gateway’s entry changed', isLasting: true },
  ROGUES,
  async (mesh, rogue) => {
    const { close, heard } = await announce(mesh, rogue);
    const listed = await gatewaysOf(mesh);
    close();
    const isListed = /aaa-evil|127\.0\.0\.1:9"|10\.0\.0\.|evil\.example/.test(listed);
    return judge({ 'not listed': !isListed, 'no gateway drains': !/"isDraining":true/.test(listed) }, heard);
  },
);

/** What a process with a foot in Redis writes of a gateway that is none. */
const beats = casesOf(
  'rogue-members',
  { finding: '2', goal: 'a heartbeat that nobody vouches for makes no gateway', isLasting: true },
  { 'heartbeat-new': 'aaa-evil', 'heartbeat-of-a-gateway': 'gateway-1', 'heartbeat-odd': 'x/../y' },
  async (mesh, id) => {
    const port = mesh.mesh.redis?.port ?? 0;
    const beat = JSON.stringify({ nodeId: id, version: '1', ...evil, admin: null, isDraining: true, atMs: Date.now() });
    await redisAnswer(port, `SET ${REDIS.gateway(id)} ${JSON.stringify(beat)} EX 3`);
    await pause(2500);
    const listed = await gatewaysOf(mesh);
    await redisAnswer(port, `DEL ${REDIS.gateway(id)}`);
    const isListed = /aaa-evil|10\.0\.0\.66|x\/\.\./.test(listed);
    return judge({ 'not listed': !isListed }, '');
  },
);

/** Requests that look as if an Envoy of the mesh had sent them, at the relay's own port. */
const relays = casesOf(
  'rogue-neighbour',
  { finding: '9', goal: 'the relay lets nobody in whom no filter verified', isLasting: true },
  {
    'forged-token': (mesh: AttackMesh) => ({ authorization: `Bearer ${mesh.issuer.forged('alice')}` }),
    'alg-none': (mesh: AttackMesh) => ({ authorization: `Bearer ${mesh.issuer.unsigned('alice')}` }),
    'lower-case': (mesh: AttackMesh) => ({ authorization: `bearer ${mesh.issuer.forged('alice')}` }),
    'no-token': () => ({}),
    'says-principal': () => ({ 'x-holdfast-principal': 'alice', 'x-holdfast-subject': 'alice' }),
  } as Record<string, (mesh: AttackMesh) => Record<string, string>>,
  async (mesh, claim) => {
    const session = await mesh.session('jwt', { token: mesh.issuer.valid('alice') });
    const relay = mesh.mesh.gateways[0]?.sidecars[0]?.relay;
    const send = (message: object, more: Record<string, string>) =>
      exchange(`http://${relay}/mcp`, {
        body: JSON.stringify(message),
        headers: { 'content-type': 'application/json', 'x-holdfast-server': 'jwt', ...claim(mesh), ...more },
      });
    const inside = await send({ jsonrpc: '2.0', id: 1, method: 'ping' }, { 'x-holdfast-session': session });
    const begun = await send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }, {});
    return judge(
      {
        'not in her session': inside.status >= 400 || inside.status === 0,
        'no session begun': begun.status >= 400 || begun.status === 0,
      },
      `${inside.status}, ${begun.status}`,
    );
  },
);
export const rogueMembers: AttackCase[] = [...streams, ...beats, ...relays];
