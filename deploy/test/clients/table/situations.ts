import { inFlight } from '../../mesh/in-flight.ts';
import type { Mesh } from '../../mesh/start-mesh.ts';
import type { Replica } from '../../mesh/start-replica.ts';
import { RPC_ERROR } from '../../../../proto/rpc-error.ts';
import type { Heard, LineClient } from '../foreign/line-client.ts';

/** The server under test: its only replicas, and its client's URL. */
export interface Stage {
  mesh: Mesh;
  server: string;
}

export interface Situation {
  name: string;
  /** The least that the client's user must be told: the answer, or an error with one of these codes. */
  expected: 'answer' | readonly number[];
  /** What happens, and what the client heard. The replicas run again when it resolves. */
  play(stage: Stage, client: LineClient): Promise<Told>;
}

export interface Told {
  heard: Heard;
  /** Another call of the same session, safe to repeat, that was in flight: it is answered, or told why not. */
  sibling?: Heard;
}

const replicaOf = async ({ mesh, server }: Stage, client: LineClient): Promise<Replica> => {
  const heard = await client.call('whoami');
  const name = /"name":\s*"([^"]+)"/.exec(JSON.stringify(heard).replaceAll('\\"', '"'))?.[1];
  const replica = mesh.replicasOf(server).find((one) => one.name === name);
  if (replica === undefined) throw new Error(`whoami does not name a replica of ${server}: ${JSON.stringify(heard)}`);
  return replica;
};

/** The disaster strikes the session's replica while the call and a sibling of it are in flight. */
async function strikeUnder(
  stage: Stage,
  client: LineClient,
  send: () => Promise<Heard>,
  strike: (replica: Replica) => Promise<void>,
): Promise<Told> {
  const replica = await replicaOf(stage, client);
  const sibling = await inFlight(replica, () => client.call('wait', { durationMs: 1500 }));
  const call = await inFlight(replica, send);
  await strike(replica);
  const [heard, answer] = await Promise.all([call.answer, sibling.answer]);
  await replica.process.restart('SIGKILL');
  await stage.mesh.settled();
  return { heard, sibling: answer };
}

const killed = (replica: Replica): Promise<void> => replica.process.kill();
const frozen = async (replica: Replica): Promise<void> => replica.process.pause();

export const CALLS_PER_SESSION = 8;

let keys = 0;
const charge = (client: LineClient, afterMs: number) => (): Promise<Heard> =>
  client.call('charge', { key: `table-${++keys}`, afterMs });

export const SITUATIONS: readonly Situation[] = [
  {
    name: 'replica killed under a call that is safe to repeat',
    expected: 'answer',
    play: (stage, client) => strikeUnder(stage, client, () => client.call('wait', { durationMs: 1500 }), killed),
  },
  {
    name: 'replica killed under a call that is not',
    expected: [RPC_ERROR.replicaLost],
    play: (stage, client) => strikeUnder(stage, client, charge(client, 60_000), killed),
  },
  {
    name: 'replica frozen under a call, beyond timeouts.callMs',
    expected: [RPC_ERROR.deadline],
    play: (stage, client) => strikeUnder(stage, client, charge(client, 60_000), frozen),
  },
  {
    name: 'all replicas gone',
    expected: [RPC_ERROR.noReplica, RPC_ERROR.recoveryFailed],
    async play({ mesh, server }, client) {
      const replicas = mesh.replicasOf(server);
      await Promise.all(replicas.map(({ process }) => process.kill()));
      const heard = await client.call('whoami');
      await Promise.all(replicas.map(({ process }) => process.start()));
      await mesh.settled();
      return { heard };
    },
  },
  {
    name: 'body larger than maxBodyBytes',
    expected: [RPC_ERROR.tooLarge],
    play: async (_stage, client) => ({ heard: await client.call('echo', { text: 'x'.repeat(3_000_000) }) }),
  },
  {
    name: 'more calls at once than limits.callsPerSession',
    expected: [RPC_ERROR.overload],
    async play(_stage, client) {
      const all = await Promise.all(
        Array.from({ length: 2 * CALLS_PER_SESSION }, () => client.call('wait', { durationMs: 1500 })),
      );
      const answered = all.find((heard) => 'result' in heard),
        heard = all.find((each) => 'error' in each) ?? all[0];
      if (heard === undefined) throw new Error('no call was made');
      return { heard, sibling: answered ?? heard };
    },
  },
  {
    name: 'the server’s own error',
    expected: [-32603],
    play: async (_stage, client) => ({ heard: await client.call('throw') }),
  },
];
