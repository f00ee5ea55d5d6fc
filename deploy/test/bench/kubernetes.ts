import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { renderBootstrap } from '../../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../../envoy/bootstrap-template.ts';
import { TopologyClient } from '../../../sidecar/xds/topology-client.ts';
import { startApiCluster, type ApiCluster } from '../e2e/kubernetes/api-cluster.ts';
import { API_LEVEL, missingPrograms } from '../e2e/kubernetes/binaries.ts';
import { controlPlaneProcess } from '../e2e/kubernetes/control-plane-process.ts';
import { adminConfig } from '../e2e/kubernetes/follow-service.ts';
import { freePort } from '../mesh/free-port.ts';
import { startEnvoy } from '../mesh/start-envoy.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { atLeast, atMost, exactly, round } from '../report/objectives.ts';
import { cpuSeconds, residentMiB } from './load/cpu.ts';
import type { Bench } from './main.ts';

const SERVICES = 500,
  PODS_PER_SERVICE = 10,
  CHANGES_PER_SECOND = 50,
  SIDECARS = 2,
  LEAST_CHANGES = 500;
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/mcp/endpointslices';
const service = (index: number): string => `server-${index}`;
/** Addresses that nobody has, each of them once. */
const address = (number: number): string => `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;

export const bench: Bench = {
  description: `${SERVICES} Services, ${SERVICES * PODS_PER_SERVICE} endpoints, ${CHANGES_PER_SECOND} pods replaced each second, against a real API server`,
  async run({ say, seconds }) {
    const missing = await missingPrograms(API_LEVEL);
    if (missing.length > 0) throw new Error(`${missing.join(', ')}: npm run e2e:kubernetes -- --build`);
    await using cleanup = new AsyncDisposableStack();
    const cluster = await startApiCluster();
    cleanup.defer(() => cluster.stop());
    await cluster.request('POST', '/api/v1/namespaces', { metadata: { name: 'mcp' } });
    await fill(cluster);
    say(`${SERVICES} Services are there`);

    const kubeconfig = await adminConfig(cluster);
    const servers = Array.from({ length: SERVICES }, (_, index) => ({
      name: service(index),
      // Nobody listens at these addresses; what probes cost is for `bench -- xds`.
      probe: { type: 'off' },
      backends: [
        { name: 'stable', discovery: { type: 'kubernetes', namespace: 'mcp', service: service(index), kubeconfig } },
      ],
    }));
    const { process: controlPlane, xds } = await controlPlaneProcess(cluster.folder, servers, () => ({}), {
      isPlain: true,
    });
    const begunMs = performance.now();
    await controlPlane.start();
    cleanup.defer(() => controlPlane.kill());
    const pid = controlPlane.pid ?? 0;
    const bootstrap = renderBootstrap(readBootstrapTemplate(), {
      nodeId: 'gateway-1',
      role: 'gateway',
      listen: `127.0.0.1:${await freePort()}`,
      extProc: ['127.2.0.1:7800'],
      relay: ['127.2.0.1:7900'],
      controlPlanes: [xds],
      admin: '127.0.0.1:0',
    });
    const envoy = await startEnvoy({ config: parse(bootstrap) });
    cleanup.defer(() => envoy.close());
    const clients = await Promise.all(
      Array.from({ length: SIDECARS }, async (_, index) => {
        const client = new TopologyClient({ addresses: [xds], nodeId: `gateway-${index + 1}`, version: 'bench' });
        cleanup.defer(() => client.close());
        await client.start();
        return client;
      }),
    );
    const known = (client: TopologyClient): number =>
      [...client.topology.servers.values()].reduce((sum, { endpoints }) => sum + endpoints.length, 0);
    await waitFor(() => clients.every((client) => known(client) === SERVICES * PODS_PER_SERVICE), {
      what: 'every sidecar knows every endpoint',
      timeoutMs: 180_000,
    });
    const coldMs = performance.now() - begunMs;
    say(`every endpoint known ${round(coldMs / 1000)} s after the start; ${round(residentMiB(pid))} MiB`);

    const times = followed(clients);
    const cpuBefore = cpuSeconds(pid),
      envoyBefore = cpuSeconds(envoy.process.pid ?? 0),
      measuredFrom = performance.now();
    let highest = 0;
    const count = Math.max(LEAST_CHANGES, seconds * CHANGES_PER_SECOND);
    const requests: Promise<unknown>[] = [];
    for (let index = 0; index < count; index++) {
      const dueMs = measuredFrom + (index * 1000) / CHANGES_PER_SECOND;
      await sleep(Math.max(0, dueMs - performance.now()));
      const ip = address((1 << 20) + index);
      times.sent(`${ip}:3000`);
      requests.push(replacePod(cluster, (index * 7) % SERVICES, index % PODS_PER_SERVICE, ip));
      if (index % CHANGES_PER_SECOND === 0) highest = Math.max(highest, residentMiB(pid));
    }
    await Promise.all(requests);
    const sentSeconds = (performance.now() - measuredFrom) / 1000;
    await waitFor(() => times.waiting() === 0, { what: 'every change arrived', timeoutMs: 20_000 }).catch(() => {});
    const elapsed = (performance.now() - measuredFrom) / 1000;
    const cpu = cpuSeconds(pid) - cpuBefore,
      envoyCpu = cpuSeconds(envoy.process.pid ?? 0) - envoyBefore;
    const rejected = Object.values(await envoy.stats('update_rejected')).reduce((sum, value) => sum + value, 0);
    const { p50, p99 } = times.percentiles();
    const figures = {
      services: SERVICES,
      endpoints: SERVICES * PODS_PER_SERVICE,
      changes: count,
      changesPerSecond: round(count / sentSeconds),
      coldStartSeconds: round(coldMs / 1000),
      controlPlaneCpuPercent: round((cpu / elapsed) * 100),
      controlPlaneCpuMsPerChange: round((cpu * 1000) / count),
      envoyCpuMsPerChange: round((envoyCpu * 1000) / count),
      controlPlaneMiB: round(Math.max(highest, residentMiB(pid))),
      pushP50Ms: round(p50),
      pushP99Ms: round(p99),
    };
    for (const [name, value] of Object.entries(figures)) say(`  ${name.padEnd(28)} ${value}`);
    return {
      objectives: [
        atLeast('changes per second that the API server took', CHANGES_PER_SECOND * 0.9, count / sentSeconds),
        atMost('ms from a change at the API server to the last sidecar, p99', 2000, p99),
        atMost('CPU of the control plane, % of a core', 100, (cpu / elapsed) * 100),
        atMost('MiB of the control plane', 512, figures.controlPlaneMiB),
        exactly('changes that never arrived', 0, times.waiting()),
        exactly('resources that Envoy refused', 0, rejected),
      ],
      figures,
    };
  },
};

async function fill(cluster: ApiCluster): Promise<void> {
  const all = Array.from({ length: SERVICES }, (_, index) => index);
  while (all.length > 0)
    await Promise.all(
      all.splice(0, 25).map(async (index) => {
        const { status, body } = await cluster.request('POST', SLICES, {
          metadata: { name: service(index), labels: { 'kubernetes.io/service-name': service(index) } },
          addressType: 'IPv4',
          ports: [{ name: 'mcp', port: 3000 }],
          endpoints: Array.from({ length: PODS_PER_SERVICE }, (_, pod) => ({
            addresses: [address((1 << 18) + index * PODS_PER_SERVICE + pod)],
            conditions: { ready: true },
            targetRef: { kind: 'Pod', namespace: 'mcp', name: `${service(index)}-${pod}` },
          })),
        });
        if (status !== 201) throw new Error(String(body['message']));
      }),
    );
}

/** Another pod takes the place of one: another name and another address. */
const replacePod = async (cluster: ApiCluster, index: number, pod: number, ip: string): Promise<void> => {
  const { status, body } = await cluster.request(
    'PATCH',
    `${SLICES}/${service(index)}`,
    [
      { op: 'replace', path: `/endpoints/${pod}/addresses/0`, value: ip },
      { op: 'replace', path: `/endpoints/${pod}/targetRef/name`, value: `pod-${ip.replaceAll('.', '-')}` },
    ],
    'application/json-patch+json',
  );
  if (status !== 200) throw new Error(String(body['message']));
};

/** How long each address takes from being sent until the last of the clients knows it. */
function followed(clients: readonly TopologyClient[]) {
  const open = new Map<string, { sentMs: number; missing: number }>(),
    took: number[] = [];
  const arrived = (at: string): void => {
    const entry = open.get(at);
    if (!entry) return;
    entry.missing -= 1;
    if (entry.missing > 0) return;
    open.delete(at);
    took.push(performance.now() - entry.sentMs);
  };
  for (const client of clients) {
    const seen = new Set<string>();
    client.on('change', (topology, changed) => {
      const there = [...changed].flatMap((name) => topology.server(name)?.endpoints ?? []);
      for (const { address: at } of there.filter((each) => open.has(each.address) && !seen.has(each.address))) {
        seen.add(at);
        arrived(at);
      }
    });
  }
  return {
    sent: (at: string) => void open.set(at, { sentMs: performance.now(), missing: clients.length }),
    waiting: () => open.size,
    percentiles() {
      const sorted = took.sort((a, b) => a - b);
      return { p50: sorted[sorted.length >> 1] ?? 0, p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0 };
    },
  };
}
