import { connect } from 'node:http2';
import { connect as tcp } from 'node:net';
import { http2Post, type Http2Answer } from '../../clients/http2-post.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE } from '../attack-mesh.ts';
import { ATTACKER, exchange, openStream, type OpenAnswer } from '../http-client.ts';

const CALLS = 1200;
/** Calls that one HTTP/2 connection carries: Envoy lets a client have a hundred. */
const CALLS_PER_CONNECTION = 100;
/** What one session, and one client, may have in flight by default (docs/limits.md). */
const OF_SESSION = 256;
const OF_CLIENT = 1024;
/** A limit answers at once; what waits for longer than this waits at a replica. */
const WAIT_MS = 20_000;

/** One session's waiting calls, and one client's with many sessions. */
function waitingCalls(name: string, sessions: number, isSlow = false): AttackCase {
  return {
    name: `all-places/${name}`,
    finding: '13',
    isSlow,
    goal: 'refused beyond a share, by a text that names the limit; others are served',
    async run(mesh) {
      const leastRefused = CALLS - (sessions === 1 ? OF_SESSION : OF_CLIENT);
      const own = await Promise.all(Array.from({ length: sessions }, () => mesh.session('plain')));
      const url = new URL(mesh.url('plain'));
      const connections = Array.from({ length: CALLS / CALLS_PER_CONNECTION }, () =>
        connect(url.origin, {
          createConnection: () => tcp({ host: url.hostname, port: Number(url.port), localAddress: ATTACKER }),
        }).on('error', () => undefined),
      );
      let answered = 0;
      const waiting = connections.flatMap((connection, at) =>
        Array.from({ length: CALLS_PER_CONNECTION }, async (_, index) => {
          const session = { 'mcp-session-id': own[index % sessions] ?? '' };
          const call = JSON.stringify(callOf('hang', {}, at * 1000 + index));
          const answer = await http2Post(connection, url.pathname, session, call);
          if (answer !== null) answered++;
          return answer;
        }),
      );
      await waitFor(() => answered >= leastRefused, { what: 'calls are refused', timeoutMs: WAIT_MS }).catch(
        () => undefined,
      );
      const from = '127.0.0.1';
      const victim = await mesh.rpc('plain', INITIALIZE, { from });
      const session = String(victim.headers['mcp-session-id']);
      const call = await mesh.rpc('plain', callOf('echo'), { from, session });
      for (const connection of connections) connection.destroy();
      const refused = (await Promise.all(waiting)).filter((answer) => answer !== null);
      const isLimit = ({ status, headers, body }: Http2Answer): boolean =>
        /servers\[\w+\]\.limits|gateway\.limits|breaker/.test(body) &&
        (status === 200 || headers['retry-after'] !== undefined);
      return judge(
        {
          'all beyond the limit are refused': refused.length >= leastRefused,
          'each by a limit that it names': refused.every(isLimit),
          'others are served': victim.status === 200 && call.status === 200,
        },
        `${CALLS} calls that wait: ${refused.length} refused, at least ${leastRefused} should be, ${refused.find((each) => !isLimit(each))?.body ?? refused[0]?.status}; victim ${victim.status}, ${call.status}`,
      );
    },
  };
}

const STREAMS = 100;
/** What one session may have (docs/limits.md). */
const STREAMS_OF_SESSION = 4;
const manyStreams: AttackCase = {
  name: 'all-places/streams-of-one-session',
  finding: '13',
  goal: 'a few streams live, the newest among them',
  async run(mesh) {
    const session = await mesh.session('plain');
    const streams: (OpenAnswer | null)[] = [];
    for (let count = 0; count < STREAMS; count++)
      streams.push(await openStream(mesh.url('plain'), { headers: { 'mcp-session-id': session }, timeoutMs: 3000 }));
    await exchange(mesh.url('plain'), { method: 'GET', timeoutMs: 100 });
    const alive = streams.filter((stream) => stream?.status === 200 && !stream.isEnded).length;
    const isNewestAlive = streams.at(-1)?.isEnded === false;
    for (const stream of streams) stream?.close();
    return judge(
      { 'no more than the limit live': alive <= STREAMS_OF_SESSION, 'the newest lives': isNewestAlive },
      `${alive} of ${STREAMS} live`,
    );
  },
};

/** Who knows the id of another user's session opens more streams than one session may have, so that its owner's would end. */
const strangersStreams: AttackCase = {
  name: 'all-places/streams-of-a-stranger',
  finding: '13',
  goal: 'the owner’s stream lives on',
  async run(mesh) {
    const authorization = `Bearer ${mesh.issuer.valid('alice')}`;
    const session = await mesh.session('jwt', { headers: { authorization } });
    const headers = { 'mcp-session-id': session };
    const owned = await openStream(mesh.url('jwt'), { headers: { ...headers, authorization }, timeoutMs: 3000 });
    const stranger = { ...headers, authorization: `Bearer ${mesh.issuer.valid('mallory')}` };
    const statuses = await Promise.all(
      Array.from({ length: 4 * STREAMS_OF_SESSION }, async () => {
        const { status } = await exchange(mesh.url('jwt'), { method: 'GET', headers: stranger, timeoutMs: 3000 });
        return status;
      }),
    );
    const call = await mesh.rpc('jwt', callOf('echo'), { session, headers: { authorization } });
    const isAlive = owned?.status === 200 && !owned.isEnded;
    owned?.close();
    return judge(
      {
        'the owner’s stream lives': isAlive,
        'each is refused': statuses.every((status) => status === 404),
        'the session goes on': call.status === 200,
      },
      `the owner’s stream ${isAlive ? 'lives' : 'has ended'}; ${statuses[0]}, then ${call.status}`,
    );
  },
};

export const allPlaces: AttackCase[] = [
  waitingCalls('one-session', 1),
  waitingCalls('many-sessions', 40, true),
  manyStreams,
  strangersStreams,
];
