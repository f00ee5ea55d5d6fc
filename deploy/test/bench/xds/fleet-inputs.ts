import { parseConfig } from '../../../../control-plane/config/parse-config.ts';
import {
  nothingKnown,
  replicaKey,
  type KnownReplica,
  type TopologyInputs,
} from '../../../../control-plane/topology/inputs.ts';
import { slotName } from '../../../../proto/session-id.ts';

/** Slots as long as real ones. */
const FIRST_SLOT = 35 ** 4;

/** Slot of a fleet's replica by its place in the list. */
export const slotOfReplica = (index: number): string => slotName(FIRST_SLOT + index);

/** What a control plane knows of these replicas: each in its slot, nothing known of its health. `gateway`: that section of the configuration. */
export function inputsOfReplicas(
  replicas: KnownReplica[],
  {
    isGuarded,
    gateway = {},
    gateways = [],
  }: { isGuarded: boolean; gateway?: object } & Partial<Pick<TopologyInputs, 'gateways'>>,
): TopologyInputs & { health: Map<string, 'healthy' | 'unhealthy'> } {
  const servers = [...Map.groupBy(replicas, ({ server }) => server)].map(([name, own]) => ({
    name,
    ...(!isGuarded && { guard: 'off' }),
    backends: [{ name: 'stable', replicas: own.map(({ name: replica, address }) => ({ name: replica, address })) }],
  }));
  // JSON is YAML, and is written much faster.
  const parsed = parseConfig(JSON.stringify({ gateway, servers }), {});
  if (parsed.kind === 'bad') throw new Error(JSON.stringify(parsed.problems));
  return {
    ...nothingKnown(),
    config: parsed.config,
    replicas,
    slots: new Map(replicas.map(({ server, address }, index) => [replicaKey(server, address), slotOfReplica(index)])),
    gateways,
  };
}
