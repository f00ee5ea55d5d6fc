import { isoTime } from '../../../proto/iso-time.ts';
import { Command } from 'commander';
import { action } from '../command.ts';
import { ago } from '../duration.ts';
import { table } from '../table.ts';

interface Server {
  name: string;
  path: string;
  guard: string[];
  replicas: number;
  taking: number;
  unhealthy: number;
  backends: Array<{ name: string; weight: number; replicas: number; discoveryProblem: string | null }>;
  rollout: string | null;
}
interface Gateway {
  id: string;
  listen: string | null;
  isDraining: boolean;
  streams: string[];
}
interface Status {
  controlPlane: { id: string; version: string; startedAtMs: number; isLeader: boolean; leader: string | null };
  store: { type: string; isUp: boolean };
  servers: Server[];
  gateways: Gateway[];
  drains: number;
  rollouts: number;
  configProblems: number;
}
interface Replica {
  server: string;
  replica: string;
  backend: string;
  slot: string;
  address: string;
  state: string;
  isSteady: boolean;
  weight: number;
  probe: {
    health: string;
    detail: string;
    eras: string[];
    checkedAtMs: number | null;
    responseTimeMs: number | null;
  } | null;
}

const backends = (each: Server): string =>
  each.backends.map(({ name, weight, replicas }) => `${name} ${weight} (${replicas})`).join(', ');
const serverTable = (servers: Server[]): string =>
  table(
    ['server', 'path', 'replicas', 'taking new', 'unhealthy', 'guard', 'rollout', 'backends (weight, replicas)'],
    servers.map((each) => [
      each.name,
      each.path,
      each.replicas,
      each.taking,
      each.unhealthy,
      each.guard.join(',') || 'off',
      each.rollout,
      backends(each),
    ]),
  );
const gatewayTable = (gateways: Gateway[]): string =>
  table(
    ['gateway', 'listens on', 'state', 'connected here'],
    gateways.map(({ id, listen, isDraining, streams }) => [
      id,
      listen,
      isDraining ? 'draining' : 'active',
      streams.join(', '),
    ]),
  );

export const statusCommand = (): Command =>
  new Command('status').description('The mesh at a glance.').action(
    action(async ({ client, out }) => {
      const status = await client.get<Status>('/v1/status');
      out.show(status, () => statusText(status));
    }),
  );

function statusText(status: Status): string {
  const { controlPlane: own, store, servers, gateways, drains, rollouts, configProblems } = status;
  const notes = [
    `control plane  ${own.id}, version ${own.version}, up since ${isoTime(own.startedAtMs)}, ${roleOf(own)}`,
    `session store  ${store.type}, ${store.isUp ? 'up' : 'DOWN'}`,
    drains > 0 && `drains         ${drains}: see \`holdfast drain list\``,
    rollouts > 0 && `rollouts       ${rollouts} under way: see \`holdfast rollout status\``,
    configProblems > 0 &&
      `configuration  ${configProblems} problem(s) in the file: the former one is in force, see \`holdfast validate\``,
    ...servers.flatMap(({ name, backends: each }) =>
      each.map(
        ({ name: backend, discoveryProblem }) =>
          discoveryProblem !== null && `discovery      ${name}/${backend}: ${discoveryProblem}`,
      ),
    ),
  ].filter((line) => line !== false);
  const gatewayPart = gateways.length === 0 ? 'no gateway node is there' : gatewayTable(gateways);
  return [notes.join('\n'), '', serverTable(servers), '', gatewayPart].join('\n');
}

function roleOf({ isLeader, leader }: Status['controlPlane']): string {
  if (isLeader) return 'leading';
  return leader ? `following ${leader}` : 'no leader';
}

export const serversCommand = (): Command =>
  new Command('servers').description('Every server with its backends.').action(
    action(async ({ client, out }) => {
      const servers = await client.get<Server[]>('/v1/servers');
      out.show(servers, () => serverTable(servers));
    }),
  );

export const gatewaysCommand = (): Command =>
  new Command('gateways').description('Every gateway node.').action(
    action(async ({ client, out }) => {
      const gateways = await client.get<Gateway[]>('/v1/gateways');
      out.show(gateways, () => gatewayTable(gateways));
    }),
  );

export const replicasCommand = (): Command =>
  new Command('replicas')
    .description('Every replica: slot, state, share of new sessions, last probe.')
    .option('--server <name>', 'only this server’s')
    .option('--backend <name>', 'only this backend’s')
    .action(
      action(async ({ client, out }, { server, backend }: { server?: string; backend?: string }) => {
        const replicas = await client.get<Replica[]>('/v1/replicas', { server, backend });
        out.show(replicas, () =>
          table(
            ['server', 'replica', 'backend', 'slot', 'address', 'state', 'mode', 'share', 'probe', 'checked'],
            replicas.map((each) => [
              each.server,
              each.replica,
              each.backend,
              each.slot,
              each.address,
              each.state,
              each.isSteady ? 'steady' : 'decide',
              `${(each.weight / 100).toFixed(0)} %`,
              each.probe &&
                `${each.probe.health}: ${each.probe.detail}${each.probe.responseTimeMs === null ? '' : ` in ${each.probe.responseTimeMs.toFixed(0)} ms`}`,
              ago(each.probe?.checkedAtMs, Date.now()),
            ]),
          ),
        );
      }),
    );
