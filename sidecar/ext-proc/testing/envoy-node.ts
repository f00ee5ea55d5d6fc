import { join } from 'node:path';
import { freePort } from '../../../deploy/test/mesh/free-port.ts';
import { startEnvoy, type Envoy } from '../../../deploy/test/mesh/start-envoy.ts';
import { temporaryFolder } from '../../../deploy/test/mesh/temporary-folder.ts';
import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { unarySocket } from '../../../proto/wire.ts';
import { UNLIMITED } from '../../budget/new-sessions.ts';
import { sampleIdentities } from '../../principal/testing/sample-identities.ts';
import { createSessionDirectory } from '../../session/cached-directory.ts';
import { createMemoryStore } from '../../session/memory-store.ts';
import type { SessionDirectory } from '../../session/session-directory.ts';
import { makeServerView } from '../../xds/topology.ts';
import { Arrivals } from '../arrivals.ts';
import { startExtProc, type ExtProc } from '../start-ext-proc.ts';
import { startReplica, type Replica } from './start-replica.ts';
import { testEnvoyConfig } from './test-envoy-config.ts';

export interface EnvoyNode {
  envoy: Envoy;
  extProc: ExtProc;
  directory: SessionDirectory;
  /** Where Envoy listens. */
  port: number;
  replicas: Replica[];
  relay: Replica;
  /** What the ext_proc servers could not handle. */
  errors: unknown[];
  close(): Promise<void>;
}

/** A real Envoy with our ext_proc servers, two replicas of the server `linear`, and a replica in the relay's place. */
export async function startEnvoyNode({ isPlain }: { isPlain: boolean }): Promise<EnvoyNode> {
  const folder = await temporaryFolder();
  const socket = join(folder.path, 'ext-proc.sock'),
    port = await freePort(),
    errors: unknown[] = [];
  const replicas = await Promise.all(['1', '2'].map(startReplica)),
    relay = await startReplica('relay');
  const endpoints = replicas.map(
    (replica): ReplicaEndpoint => ({
      server: 'linear',
      replica: replica.slot,
      backend: 'stable',
      slot: replica.slot,
      address: `127.0.0.1:${replica.port}`,
      state: 'active',
      isSteady: false,
      weight: 100,
    }),
  );
  const view = makeServerView(
    {
      policy: serverPolicySchema.parse({ name: 'linear' }),
      lostSlots: [],
      backends: [{ name: 'stable', weight: 100 }],
    },
    endpoints,
  );
  const directory = createSessionDirectory({
    store: createMemoryStore({ nodeId: 'a' }),
    nodeId: 'a',
    ttlSeconds: () => 3600,
  });
  const options = {
    server: (name: string) => (name === 'linear' ? view : undefined),
    directory,
    identities: sampleIdentities(),
    relay: `127.0.0.1:${relay.port}`,
    gate: () => ({ kind: 'admit' as const, permit: null }),
    ...{ arrivals: new Arrivals(), sessions: UNLIMITED, refused: () => undefined },
    ...{ now: Date.now, random: Math.random, onCreated: () => {}, release: () => {} },
    metrics: { extProc: () => {}, extProcStreams: () => {} },
    onError: (error: unknown) => errors.push(error),
  };
  const extProc = await startExtProc({ ...options, addresses: [socket], isPlain, accessLogs: async () => 'taken' });
  const envoy = await startEnvoy({
    config: testEnvoyConfig({ port, socket, unary: unarySocket(socket), replicas, relayPort: relay.port }),
    folder: folder.path,
  });
  const close = async (): Promise<void> => {
    await envoy.close();
    await extProc.close(100);
    await directory.close();
    for (const { server } of [...replicas, relay]) {
      server.closeAllConnections();
      server.close();
    }
    await folder.remove();
  };
  return { envoy, extProc, directory, port, replicas, relay, errors, close };
}
