import test from 'ava';
import { stringify } from 'yaml';
import { parseConfig } from '../../../control-plane/config/parse-config.ts';
import { meshConfig, planReplicas } from './mesh-config.ts';
import type { MeshServerOptions } from './mesh-options.ts';

const servers: Record<string, MeshServerOptions> = {
  linear: { replicas: { stable: 2, canary: 1 }, weights: { canary: 10 }, settings: { trustAnnotations: true } },
  queryquill: { replicas: 1 },
};

test('replicas are named after server and backend', (t) => {
  let port = 3000;
  t.deepEqual(
    planReplicas(servers, () => port++).map(({ name, address }) => `${name} ${address}`),
    [
      'linear-1 127.0.0.1:3000',
      'linear-2 127.0.0.1:3001',
      'linear-canary-1 127.0.0.1:3002',
      'queryquill-1 127.0.0.1:3003',
    ],
  );
});

for (const redisUrl of ['redis://127.0.0.1:6379', null]) {
  test(`the control plane accepts the configuration ${redisUrl ? 'with' : 'without'} Redis`, (t) => {
    let port = 3000;
    const replicas = planReplicas(servers, () => port++);
    const config = meshConfig({
      servers,
      replicas,
      gatewayNames: redisUrl ? ['gateway-1', 'gateway-2'] : ['gateway-1'],
      port: 37373,
      redisUrl,
      xds: '127.0.0.1:1',
      admin: '127.0.0.1:2',
      stateDir: 'state',
    });
    const result = parseConfig(stringify(config, { aliasDuplicateObjects: false }), {});
    t.is(result.kind, 'ok', JSON.stringify(result));
  });
}
