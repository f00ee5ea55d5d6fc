import { createHash } from 'node:crypto';
import { redisUsers } from '../compose/redis-users.ts';

/** Good in every namespace of the cluster: injected pods read the same URL as the base's. */
const REDIS_OF_BASE = 'holdfast-redis.holdfast:6379';

/** In clear; `admin` is for `backup restore` and `region promote` and goes into no Secret. */
interface Passwords {
  gateway: string;
  controlPlane: string;
  admin: string;
}

/** The files of which the Secrets are made, by name. `scheme`: rediss with overlays/redis-tls. `at`: host:port. Redis gets sums of passwords alone. */
export function redisSecrets(
  { gateway, controlPlane, admin }: Passwords,
  scheme: 'redis' | 'rediss',
  at: string = REDIS_OF_BASE,
): Record<string, string> {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const url = (user: string, password: string): string => `${scheme}://${user}:${password}@${at}`;
  return {
    'gateway-url': url('holdfast-gateway', gateway),
    'control-plane-url': url('holdfast-control-plane', controlPlane),
    'admin-url': url('admin', admin),
    'probe-password': gateway,
    'users.acl': redisUsers({
      gateway: sha256(gateway),
      controlPlane: sha256(controlPlane),
      replica: null,
      admin: sha256(admin),
    }),
  };
}
