import { judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE } from '../attack-mesh.ts';
import { exchange, openStream, type OpenAnswer } from '../http-client.ts';

const CALLS = 3000;

/** One session's waiting calls, and one client's with many sessions. */
function waitingCalls(name: string, sessions: number): AttackCase {
  return {
    name: `all-places/${name}`,
    finding: '13',
    goal: 'refused beyond a share, with Retry-After; others are served',
    async run(mesh) {
      const own = await Promise.all(Array.from({ length: sessions }, () => mesh.session('plain')));
      const waiting = Array.from({ length: CALLS }, (_, index) =>
        mesh.rpc('plain', callOf('hang', {}, index), { session: own[index % sessions] ?? '', timeoutMs: 8000 }),
      );
      await Promise.race([waiting.at(-1), new Promise((resolve) => setTimeout(resolve, 4000))]);
      const from = '127.0.0.1';
      const victim = await mesh.rpc('plain', INITIALIZE, { from });
      const session = String(victim.headers['mcp-session-id']);
      const call = await mesh.rpc('plain', callOf('echo'), { from, session });
      const answers = await Promise.all(waiting);
      const refused = answers.filter(({ status }) => status === 503 || status === 429);
      const cut = answers.filter(({ status, isTimeout }) => status === 0 && !isTimeout).length;
      return judge(
        {
          'some are refused': refused.length > 0,
          'with Retry-After': refused.every(({ headers }) => headers['retry-after'] !== undefined),
          'and a text that names the limit': refused.every(({ body }) => /limits|Too many|breaker/.test(body)),
          'others are served': victim.status === 200 && call.status === 200,
        },
        `${CALLS} calls that wait: ${refused.length} refused, ${cut} cut; victim ${victim.status}, ${call.status}`,
      );
    },
  };
}

const STREAMS = 100;
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
    return judge({ 'at most 8 live': alive <= 8, 'the newest lives': isNewestAlive }, `${alive} of ${STREAMS} live`);
  },
};

export const allPlaces: AttackCase[] = [waitingCalls('one-session', 1), waitingCalls('many-sessions', 40), manyStreams];
