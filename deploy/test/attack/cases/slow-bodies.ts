import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { casesOf, judge, type AttackCase, type AttackOutcome } from '../attack-case.ts';
import { callOf, type AttackMesh } from '../attack-mesh.ts';
import { ATTACKER } from '../http-client.ts';
import { waitFor } from '../../mesh/wait-for.ts';

const SIZE = 4 << 20;
/** Longer than the mesh under attack gives a request (`gateway.limits.requestMs`), with room for a busy machine. */
const ENDED_WITHIN_MS = 20_000;

interface SlowBody {
  /** Path behind the gateway, and headers. */
  request: (mesh: AttackMesh, session: string) => string;
  /** Bytes that are sent at once, then nothing, or one byte now and then. */
  sentBytes: number;
  dripMs?: number;
  connections: number;
}

const post = (path: string, ...headers: string[]): string =>
  [`POST ${path} HTTP/1.1`, 'host: x', 'content-type: application/json', ...headers, '', ''].join('\r\n');
const length = `content-length: ${SIZE}`;
const INPUTS: Record<string, SlowBody> = {
  'no-session': { request: () => post('/mcp/plain', length), sentBytes: SIZE - 100, connections: 60 },
  session: {
    request: (_, session) => post('/mcp/plain', length, `mcp-session-id: ${session}`),
    sentBytes: SIZE - 100,
    connections: 60,
  },
  'one-byte': { request: () => post('/mcp/plain', 'content-length: 100'), sentBytes: 1, connections: 200 },
  'session-one-byte': {
    request: (_, session) => post('/mcp/plain', 'content-length: 100', `mcp-session-id: ${session}`),
    sentBytes: 1,
    connections: 200,
  },
  'guard-off-small': { request: () => post('/mcp/off', 'content-length: 9000'), sentBytes: 8999, connections: 200 },
  'no-session-small': { request: () => post('/mcp/plain', 'content-length: 9999'), sentBytes: 9000, connections: 200 },
  'guard-off': { request: () => post('/mcp/off', length), sentBytes: SIZE >> 1, connections: 30 },
  'http-sse': { request: () => post('/mcp/plain?holdfast-session=0~A', length), sentBytes: SIZE >> 1, connections: 30 },
  modern: {
    request: () => post('/mcp/modern', length, 'mcp-protocol-version: 2026-07-28', 'mcp-method: tools/call'),
    sentBytes: SIZE >> 1,
    connections: 30,
  },
  chunked: { request: () => post('/mcp/plain', 'transfer-encoding: chunked'), sentBytes: 0, connections: 60 },
  drip: {
    request: (_, session) => post('/mcp/plain', 'content-length: 100000', `mcp-session-id: ${session}`),
    sentBytes: 1,
    dripMs: 300,
    connections: 60,
  },
  delete: {
    request: (_, session) => post('/mcp/plain', length, `mcp-session-id: ${session}`).replace('POST', 'DELETE'),
    sentBytes: SIZE >> 1,
    connections: 30,
  },
};

/** A body of which nothing more than a byte comes is a finding of its own: it needs no bandwidth at all. */
const findingOf = (name: string): 'B10' | '4' => (/byte|chunked|drip/.test(name) ? 'B10' : '4');

export const slowBodies: AttackCase[] = Object.entries(INPUTS).flatMap(([name, input]) =>
  casesOf(
    'slow-bodies',
    { finding: findingOf(name), goal: 'each is given up in time; memory within limits' },
    { [name]: input },
    sendSlowly,
  ),
);

async function sendSlowly(
  mesh: AttackMesh,
  { request, sentBytes, dripMs, connections }: SlowBody,
): Promise<AttackOutcome> {
  const session = await mesh.session('plain');
  const head = request(mesh, session);
  const body = Buffer.alloc(sentBytes, 'a');
  const port = Number(new URL(mesh.mesh.gateways[0]?.url ?? '').port);
  const sockets: Socket[] = [];
  let ended = 0;
  for (let count = 0; count < connections; count++) {
    const socket = connect({ port, host: '127.0.0.1', localAddress: ATTACKER });
    socket.on('error', () => undefined).on('data', () => undefined);
    socket.once('close', () => ended++).once('end', () => socket.destroy());
    socket.write(head);
    if (body.length > 0) socket.write(body);
    sockets.push(socket);
    if (count % 20 === 19) await pause(10);
  }
  const drip =
    dripMs === undefined
      ? undefined
      : setInterval(() => {
          for (const socket of sockets) socket.write('a');
        }, dripMs);
  await waitFor(() => ended === connections, { what: 'all given up', timeoutMs: ENDED_WITHIN_MS }).catch(
    () => undefined,
  );
  clearInterval(drip);
  const happened = `${ended} of ${connections} connections given up`;
  for (const socket of sockets) socket.destroy();
  const after = await mesh.rpc('plain', callOf('echo'), { session });
  // A DELETE needs no body: it ends the session that is its client's own.
  const expected = head.startsWith('DELETE') ? 404 : 200;
  return judge(
    { 'all given up': ended === connections, 'the session is as it should be': after.status === expected },
    `${happened}, then ${after.status}`,
  );
}
