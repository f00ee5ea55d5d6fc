import type { ExecutionContext } from 'ava';
import { startFakeReplica, type FakeReplica } from './fake-replica.ts';
import { RigFleet, type RelayRig } from './relay-rig.ts';

const CLIENT = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };

interface FakeFleet {
  fleet: RigFleet;
  replicas: FakeReplica[];
  /** Starts a gateway, which ends with the test: before the replicas. */
  gateway: (...options: Parameters<RigFleet['gateway']>) => Promise<RelayRig>;
}

/** A fleet of scripted replicas, one for each name, that end with the test. `policy`: of its server. */
export async function fakeFleet(
  t: ExecutionContext,
  policy: Record<string, unknown> = {},
  names: readonly string[] = ['a', 'b'],
): Promise<FakeFleet> {
  const replicas = await Promise.all(names.map((name) => startFakeReplica(name)));
  t.teardown(() => Promise.all(replicas.map((replica) => replica.kill())));
  const fleet = new RigFleet(
    replicas.map(({ port }) => port),
    policy,
  );
  const gateway: FakeFleet['gateway'] = async (...options) => {
    const rig = await fleet.gateway(...options);
    t.teardown(() => rig.close());
    return rig;
  };
  return { fleet, replicas, gateway };
}

/** Begins a session as a client does that knows 2025-11-25; resolves with its id. */
export async function beginSession(
  rig: RelayRig,
  headers: Record<string, string> = {},
  params: object = CLIENT,
): Promise<string> {
  const answer = await rig.post(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }), headers);
  await answer.text();
  const session = answer.headers.get('mcp-session-id');
  if (session === null) throw new Error(`no session began: ${answer.status}`);
  return session;
}

/** The replica on which the only session is, and another one. */
export function homeAndOther(replicas: readonly FakeReplica[]): [home: FakeReplica, other: FakeReplica] {
  const [home, other] = replicas.toSorted((a, b) => b.sessions.size - a.sessions.size);
  if (!home || !other || home.sessions.size === 0) throw new Error('no session began');
  return [home, other];
}

/** What Envoy sets on a request of a session, and what of it the replica knows. */
export const onSession = (session: string): Record<string, string> => ({
  'x-holdfast-session': session,
  'mcp-session-id': session.slice(session.indexOf('~') + 1),
});
