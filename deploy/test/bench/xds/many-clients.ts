import { TestClient } from '../../../../control-plane/xds/testing/test-client.ts';
import { RESOURCE_TYPE } from '../../../../proto/xds/loader.ts';
import { SERVER_POLICY_TYPE } from '../../../../proto/wire.ts';
import { TopologyClient } from '../../../../sidecar/xds/topology-client.ts';
import { changedReplica } from './fleet.ts';

/**
 * Gateways as the control plane sees them: for each the stream of an Envoy and that of a sidecar. They accept whatever
 * comes and keep nothing. Only the last one's sidecar is a real one's client, which says when it knew of each change.
 * It runs as a child with five arguments: the control plane's port, the first gateway, and the numbers of gateways,
 * replicas and changes.
 */
export interface Known {
  /** `Date.now()` when it knew of each change. */
  knownAt: number[];
}

const [port = 0, first = 0, count = 0, replicas = 0, changes = 0] = process.argv.slice(2).map(Number);

const TYPES = {
  gateway: [
    RESOURCE_TYPE.cluster,
    RESOURCE_TYPE.endpoints,
    RESOURCE_TYPE.listener,
    RESOURCE_TYPE.scopes,
    RESOURCE_TYPE.routes,
  ],
  sidecar: [RESOURCE_TYPE.endpoints, SERVER_POLICY_TYPE],
} as const;

async function accept(client: TestClient): Promise<never> {
  for (;;) {
    await client.nth(1);
    for (const delta of client.heard.splice(0)) client.ack(delta);
  }
}

function openStream(gateway: number, role: keyof typeof TYPES): void {
  const client = new TestClient(port, { id: `gateway-${gateway}`, role }, undefined, {
    listen: `127.3.0.${gateway}:8080`,
    extProc: [`127.2.0.${gateway}:7800`],
    relay: [`127.2.0.${gateway}:7900`],
  });
  for (const type of TYPES[role]) client.say({ type, subscribe: ['*'] });
  void accept(client);
  void client.ended.then(({ details }) => {
    process.stderr.write(`${role} ${gateway}: ${details ?? 'the stream ended'}\n`);
    process.exit(1);
  });
}

async function watch(gateway: number): Promise<void> {
  const client = new TopologyClient({
    addresses: [`127.0.0.1:${port}`],
    nodeId: `gateway-${gateway}`,
    version: 'bench',
  });
  const knownAt: number[] = [];
  client.on('change', ({ servers }) => {
    const isKnown = (): boolean => {
      const { server, address } = changedReplica(knownAt.length, replicas);
      const endpoint = servers.get(server)?.endpoints.find((each) => each.address === address);
      return endpoint?.state === 'unhealthy';
    };
    while (knownAt.length < changes && isKnown()) knownAt.push(Date.now());
    if (knownAt.length === changes) process.send?.({ knownAt } satisfies Known);
  });
  await client.start();
}

for (let gateway = first + 1; gateway <= first + count; gateway++) {
  openStream(gateway, 'gateway');
  if (gateway < first + count) openStream(gateway, 'sidecar');
}
await watch(first + count);
process.once('disconnect', () => process.exit());
