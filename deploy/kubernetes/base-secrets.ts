import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renewCertificates } from '../../control-plane/certs/certificate-folder.ts';
import { redisSecrets } from './redis-secrets.ts';

/** What Kubernetes stores for the base, and what only its owner keeps. */
export interface BaseSecrets {
  /** Manifests of Secrets in the namespace `holdfast`. */
  manifests: object[];
  /** Redis's administrator, for `backup restore`. */
  redisAdminUrl: string;
}

const CONTROL_PLANE_NAMES = ['', '.holdfast', '.holdfast.svc'].map((suffix) => `holdfast-control-plane${suffix}`);

/** New passwords and a new authority, whose key stays in `certs`; certificates of 90 days. Every Secret that the base needs. `canJoin`: also the authority, with which control planes sign for injected pods. */
export async function baseSecrets(certs: string, now: Date, { canJoin }: { canJoin: boolean }): Promise<BaseSecrets> {
  await renewCertificates(
    [
      { name: 'control-plane', altNames: CONTROL_PLANE_NAMES },
      {
        name: 'holdfast-gateway',
        altNames: [],
        mesh: { trustDomain: 'holdfast', role: 'gateway', id: 'holdfast-gateway', isGroup: true },
      },
    ],
    { folder: certs, now, days: 90, renewDays: 30 },
  );
  const file = (name: string): Promise<string> => readFile(join(certs, name), 'utf8');
  const pair = async (name: string): Promise<Record<string, string>> => ({
    'tls.crt': await file(`${name}.crt`),
    'tls.key': await file(`${name}.key`),
    'ca.crt': await file('ca.crt'),
  });
  const password = (): string => randomBytes(24).toString('base64url');
  const redis = redisSecrets({ gateway: password(), controlPlane: password(), admin: password() }, 'redis');
  const text = (name: string): string => redis[name] ?? '';
  return {
    redisAdminUrl: text('admin-url'),
    manifests: [
      secret('holdfast-admin', { token: password() }),
      secret('holdfast-redis', { url: text('gateway-url') }),
      secret('holdfast-redis-control-plane', { url: text('control-plane-url') }),
      secret('holdfast-redis-users', { 'users.acl': text('users.acl'), 'probe-password': text('probe-password') }),
      secret('holdfast-control-plane-tls', await pair('control-plane')),
      secret('holdfast-gateway-tls', await pair('holdfast-gateway')),
      ...(canJoin
        ? [
            secret(
              'holdfast-mesh-authority',
              { 'tls.crt': await file('ca.crt'), 'tls.key': await file('ca.key') },
              'kubernetes.io/tls',
            ),
          ]
        : []),
    ],
  };
}

const secret = (name: string, stringData: Record<string, string>, type = 'Opaque'): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'holdfast' },
  type,
  stringData,
});
