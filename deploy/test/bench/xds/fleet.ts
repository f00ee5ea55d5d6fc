import { stringify } from 'yaml';
import { parseConfig } from '../../../../control-plane/config/parse-config.ts';
import { replicaKey, type KnownReplica, type TopologyInputs } from '../../../../control-plane/topology/inputs.ts';
import { slotName } from '../../../../proto/session-id.ts';

const REPLICAS_PER_SERVER = 20;
/** Slots as long as real ones. */
const FIRST_SLOT = 35 ** 4;

/** What a control plane knows of a fleet of `count` replicas over count/20 servers (at least one), behind three gateways. Nobody listens at the addresses. */
export function fleetOf(
  count: number,
  isGuarded = true,
): TopologyInputs & { health: Map<string, 'healthy' | 'unhealthy'> } {
  const replicas: KnownReplica[] = Array.from({ length: count }, (_, index) => ({
    server: `server-${Math.floor(index / REPLICAS_PER_SERVER)}`,
    backend: 'stable',
    name: `replica-${index}`,
    address: `127.1.${index >> 8}.${index & 255}:3000`,
  }));
  const servers = [...Map.groupBy(replicas, ({ server }) => server)].map(([name, own]) => ({
    name,
    ...(!isGuarded && { guard: 'off' }),
    backends: [{ name: 'stable', replicas: own.map(({ name: replica, address }) => ({ name: replica, address })) }],
  }));
  const parsed = parseConfig(stringify({ servers }), {});
  if (parsed.kind === 'bad') throw new Error(JSON.stringify(parsed.problems));
  return {
    config: parsed.config,
    replicas,
    health: new Map(),
    slots: new Map(
      replicas.map(({ server, address }, index) => [replicaKey(server, address), slotName(FIRST_SLOT + index)]),
    ),
    lostSlots: new Map(),
    drains: [],
    weights: new Map(),
    openBreakers: [],
    gateways: [1, 2, 3].map((index) => ({
      id: `gateway-${index}`,
      relay: [`127.2.0.${index}:7900`],
      peer: `127.2.0.${index}:7800`,
      listen: null,
      isDraining: false,
    })),
  };
}
