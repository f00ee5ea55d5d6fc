import { setTimeout as pause } from 'node:timers/promises';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf } from '../attack-mesh.ts';
import { openStream } from '../http-client.ts';
import type { Behaviour, Seen } from '../raw-replica.ts';
import type { ServerResponse } from 'node:http';

const onGet =
  (answer: (response: ServerResponse) => void): Behaviour =>
  (seen: Seen, response) => {
    if (seen.method !== 'GET') return false;
    answer(response);
    return true;
  };
/** How a replica that has no GET endpoint, or a box before it, may answer one. Its POSTs work. */
const GETS: Record<string, { finding: 'B4' | 'B5'; behave: Behaviour }> = {
  '404-html': {
    finding: 'B4',
    behave: onGet((r) => r.writeHead(404, { 'content-type': 'text/html' }).end('Cannot GET /mcp')),
  },
  '404-json': {
    finding: 'B4',
    behave: onGet((r) => r.writeHead(404, { 'content-type': 'application/json' }).end('{}')),
  },
  '405': { finding: 'B4', behave: onGet((r) => r.writeHead(405).end()) },
  '501': { finding: 'B4', behave: onGet((r) => r.writeHead(501).end()) },
  '400-session': {
    finding: 'B4',
    behave: onGet((r) => r.writeHead(400, { 'content-type': 'text/plain' }).end('no session')),
  },
  reset: { finding: 'B5', behave: onGet((r) => void r.socket?.resetAndDestroy()) },
  'ends-at-once': {
    finding: 'B5',
    behave: onGet((r) => r.writeHead(200, { 'content-type': 'text/event-stream' }).end()),
  },
  'reset-after-head': {
    finding: 'B5',
    behave: onGet((r) => {
      r.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hi\n\n');
      setTimeout(() => r.socket?.resetAndDestroy(), 5);
    }),
  },
  '500': { finding: 'B5', behave: onGet((r) => r.writeHead(500).end()) },
  '200-html': { finding: 'B5', behave: onGet((r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>')) },
};
const WATCHED_MS = 3000;
/** One back-off of 250 ms and more gives at most this many tries in three seconds. */
const MOST_TRIES = 10;

export const getStreams: AttackCase[] = Object.entries(GETS).flatMap(([name, input]) =>
  casesOf(
    'get-streams',
    { finding: input.finding, goal: 'few tries, no session is rebuilt, calls go on', isLasting: true },
    { [name]: input },
    async (mesh, { behave }) => {
      const session = await mesh.session('moving');
      for (const replica of mesh.replicas.moving) {
        replica.reset();
        replica.behave = behave;
      }
      const opening = openStream(mesh.url('moving'), { headers: { 'mcp-session-id': session }, timeoutMs: WATCHED_MS });
      await pause(WATCHED_MS);
      const stream = await opening;
      const gets = mesh.count('moving', 'GET');
      const initializes = mesh.count('moving', 'initialize');
      const pings = mesh.count('moving', 'ping');
      const call = await mesh.rpc('moving', callOf('echo'), { session });
      stream?.close();
      mesh.reset('moving');
      return judge(
        {
          'few tries': gets <= MOST_TRIES && pings <= MOST_TRIES,
          'nothing rebuilt without need': initializes <= 2,
          'calls go on': call.status === 200,
        },
        `GET answered ${stream?.status ?? 'with nothing'}; ${gets} GETs, ${pings} pings, ${initializes} initializes`,
      );
    },
  ),
);
