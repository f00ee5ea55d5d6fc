import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { Identities } from '../principal/identities.ts';
import { systemClock } from './clock.ts';
import { createMemoryStore } from './memory-store.ts';
import { MeshSecret } from './mesh-secret.ts';
import type { RecordForm } from './record-arguments.ts';
import { createRedisStore } from './redis-store.ts';
import type { SessionStore } from './session-store.ts';

/** The store of a sidecar, and what it knows people by: digests with the secret that is kept there. Without Redis both end with the process. */
export async function openStore(
  redis: RedisClient | null,
  nodeId: string,
  onError: (error: unknown) => void,
  form: (server: string) => RecordForm,
): Promise<{ store: SessionStore; secret: MeshSecret; identities: Identities }> {
  const store = redis ? createRedisStore(redis, { nodeId, onError, form }) : createMemoryStore({ nodeId }),
    secret = new MeshSecret(store, systemClock, onError);
  await secret.agree();
  return { store, secret, identities: new Identities(secret.digest) };
}
