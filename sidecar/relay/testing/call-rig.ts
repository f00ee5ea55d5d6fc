import type { ExecutionContext } from 'ava';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { beginSession, fakeFleet, homeAndOther, onSession } from './fake-fleet.ts';
import type { FakeReplica } from './fake-replica.ts';
import type { RigFleet, RelayRig } from './relay-rig.ts';

interface Setup {
  fleet: RigFleet;
  rig: RelayRig;
  replicas: FakeReplica[];
  session: string;
  home: FakeReplica;
  other: FakeReplica;
  post: (message: unknown, headers?: Record<string, string>, signal?: AbortSignal) => Promise<Response>;
}

/** Two scripted replicas, a relay, and a session on one of them. */
export async function setup(t: ExecutionContext, policy: Record<string, unknown> = {}): Promise<Setup> {
  const { fleet, replicas, gateway } = await fakeFleet(t, policy);
  const rig = await gateway();
  const session = await beginSession(rig);
  const [home, other] = homeAndOther(replicas);
  return {
    fleet,
    rig,
    replicas,
    session,
    home,
    other,
    post: (message, headers, signal) =>
      rig.post(JSON.stringify(message), { ...onSession(session), ...headers }, signal && { signal }),
  };
}
export const call = (tool: string, id: string | number = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: tool, arguments: {} },
});
export const list = (id: string | number = 1) => ({ jsonrpc: '2.0', id, method: 'tools/list' });
export const kinds = (rig: RelayRig) => rig.outcomes.slice(1).map(({ kind }) => kind);
/** An outcome may come a moment after the answer that the client has. */
export const ended = (rig: RelayRig) => waitFor(() => kinds(rig).length > 0, { what: 'the outcome' });
export const eventsOf = (text: string) =>
  text
    .split('\n\n')
    .map((part) => /^data: (.*)$/m.exec(part)?.[1])
    .filter((data) => data !== undefined)
    .map((data) => JSON.parse(data) as Record<string, any>);
