import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type AttackMesh } from '../attack-mesh.ts';
import type { RawReplica } from '../raw-replica.ts';

/** What one client does with sessions of its own, all from one address. */
type Poison = (mesh: AttackMesh, session: string, round: number) => Promise<unknown>;

const POISONS: Record<string, Poison> = {
  'invented-tools': (mesh, session, round) => mesh.rpc('judged', callOf(`internal-${round}`), { session }),
  'invented-methods': (mesh, session, round) =>
    mesh.rpc(
      'judged',
      { jsonrpc: '2.0', id: 1, method: `invented/${round}`, params: { name: 'internal' } },
      { session },
    ),
  'one-tool': (mesh, session) => mesh.rpc('judged', callOf('internal'), { session }),
  'bad-arguments': (mesh, session, round) => mesh.rpc('judged', callOf('internal', { round }), { session }),
  'waiting-tool': (mesh, session) => mesh.rpc('judged', callOf('hang'), { session, timeoutMs: 4000 }),
  'silent-client': (mesh, session) => mesh.rpc('judged', callOf('ask'), { session, timeoutMs: 4000 }),
  'gone-client': (mesh, session) => mesh.rpc('judged', callOf('hang'), { session, timeoutMs: 200 }),
  'server-errors': (mesh, session, round) => mesh.rpc('judged', callOf(`status500-${round}`), { session }),
};

/** A replica that fails as asked, and whose tool `ask` waits for the client's own answer. */
function misbehave(replica: RawReplica): void {
  replica.behave = ({ message }, response) => {
    const name = message?.params?.name ?? '';
    if (message?.method?.startsWith('invented/') === true) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32603, message: 'boom' } }));
      return true;
    }
    if (name.startsWith('status500')) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end('boom');
      return true;
    }
    if (name !== 'ask') return false;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const params = { message: 'well?', requestedSchema: { type: 'object', properties: {} } };
    response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: 'q', method: 'elicitation/create', params })}\n\n`);
    return true;
  };
}

export const breakerPoisoning: AttackCase[] = casesOf(
  'breaker-poisoning',
  { finding: '6', goal: 'calls and new sessions of others are served', isLasting: true },
  POISONS,
  async (mesh, poison) => {
    for (const replica of mesh.replicas.judged) misbehave(replica);
    const sessions: string[] = [];
    for (let count = 0; count < 4; count++) sessions.push(await mesh.session('judged', { gateway: count % 2 }));
    // Bound to nobody, from another address: an honest client.
    const others: string[] = [];
    for (let count = 0; count < 4; count++) others.push(await mesh.session('judged', { from: '127.0.0.1' }));
    for (let round = 0; round < 6; round++)
      await Promise.all(
        sessions.flatMap((session) => [0, 1, 2].map((each) => poison(mesh, session, round * 3 + each))),
      );
    const refused: string[] = [];
    for (const gateway of [0, 1]) {
      for (const session of others) {
        for (const call of [callOf('echo'), callOf('internal', { ok: true })]) {
          const answer = await mesh.rpc('judged', call, { session, gateway, from: '127.0.0.1' });
          if (answer.status !== 200) refused.push(`call ${answer.status} ${/"code":(-?\d+)/.exec(answer.body)?.[1]}`);
        }
      }
      const begun = await mesh.rpc('judged', INITIALIZE, { gateway, from: '127.0.0.1' });
      if (begun.status !== 200) refused.push(`new session ${begun.status}`);
    }
    mesh.reset('judged');
    return judge({ 'others are served': refused.length === 0 }, [`${refused.length} refused`, refused[0]].join(' '));
  },
);
