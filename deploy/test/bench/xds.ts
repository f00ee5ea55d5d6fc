import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parse } from 'yaml';
import { renderBootstrap } from '../../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../../envoy/bootstrap-template.ts';
import { TopologyClient } from '../../../sidecar/xds/topology-client.ts';
import { freePort } from '../mesh/free-port.ts';
import { startEnvoy } from '../mesh/start-envoy.ts';
import { cpuSeconds } from './load/cpu.ts';
import { atMost, exactly, round } from '../report/objectives.ts';
import type { Bench } from './main.ts';
import type { Order, Report } from './xds/control-plane.ts';

const GATEWAYS = 3;
const SIZES = [10, 100, 1000];
/** Enough for a p99 to mean something, whatever `--seconds` says. */
const LEAST_CHANGES = 100;
const LEAST_UNGUARDED = 30;
/** Of one server with 20 replicas. */
const MOST_ROUTES_KIB = 40;
const MEBI = 1 << 20;

interface Measured {
  p50: number;
  p99: number;
  report: Report;
}

/** The three slowest changes, by their place in the order they came. */
const slowestOf = (times: readonly number[]): string =>
  [...times.entries()]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([index, ms]) => `no. ${index + 1} ${round(ms)} ms`)
    .join(', ');

export const bench: Bench = {
  description: '1,000 replicas over 50 servers: one replica’s health change reaches 3 Envoys and 3 sidecars',
  async run({ say, seconds }) {
    await using cleanup = new AsyncDisposableStack();
    const child = fork(new URL('xds/control-plane.ts', import.meta.url), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    cleanup.defer(() => {
      child.kill('SIGKILL');
    });
    const died = once(child, 'exit').then(([code]) => {
      throw new Error(`the control plane ended with ${code}`);
    });
    died.catch(() => {});
    const hear = <T>(): Promise<T> => Promise.race([once(child, 'message').then(([message]) => message as T), died]);
    const order = async (what: Order): Promise<Report> => {
      const answer = hear<Report>();
      child.send(what);
      return answer;
    };
    const xds = `127.0.0.1:${(await hear<{ port: number }>()).port}`;

    const envoys = await Promise.all(
      Array.from({ length: GATEWAYS }, async (_, index) => {
        const listen = `127.0.0.1:${await freePort()}`;
        const bootstrap = renderBootstrap(readBootstrapTemplate(), {
          nodeId: `gateway-${index + 1}`,
          role: 'gateway',
          listen,
          extProc: [`127.2.0.${index + 1}:7800`],
          relay: [`127.2.0.${index + 1}:7900`],
          controlPlanes: [xds],
          admin: '127.0.0.1:0',
        });
        const envoy = await startEnvoy({ config: parse(bootstrap) });
        cleanup.defer(() => envoy.close());
        return envoy;
      }),
    );
    const sidecars = await Promise.all(
      Array.from({ length: GATEWAYS }, async (_, index) => {
        const client = new TopologyClient({ addresses: [xds], nodeId: `gateway-${index + 1}`, version: 'bench' });
        cleanup.defer(() => client.close());
        await client.start();
        if (!(await client.whenReady(10_000))) throw new Error('a sidecar heard nothing from the control plane');
        return client;
      }),
    );
    const clients = GATEWAYS * 2;

    const refusals: string[] = [];
    const envoyCpu = () => envoys.reduce((sum, envoy) => sum + cpuSeconds(envoy.process.pid!), 0);
    /** One replica's health changes again and again, in fleets of every size. */
    const grow = async (
      isGuarded: boolean,
      leastChanges: number,
      secondsOfEach: number,
    ): Promise<{ growth: Record<string, unknown>[]; last: Measured }> => {
      const growth: Record<string, unknown>[] = [];
      let last: Measured | undefined;
      for (const count of SIZES) {
        const told = await order({ kind: 'fleet', count, isGuarded, clients });
        refusals.push(...told.refusals);
        const times: number[] = [];
        let cpuMs = 0;
        const envoyBefore = envoyCpu();
        const until = Date.now() + secondsOfEach * 1000;
        let report = told;
        for (let index = 0; times.length < leastChanges || Date.now() < until; index++) {
          report = await order({ kind: 'flip', index: index * 7, clients });
          refusals.push(...report.refusals);
          times.push(report.ms);
          cpuMs += report.cpuMs;
        }
        const slowest = slowestOf(times);
        times.sort((a, b) => a - b);
        last = { p50: times[times.length >> 1]!, p99: times[Math.floor(times.length * 0.99)]!, report };
        const envoyMs = round(((envoyCpu() - envoyBefore) * 1000) / times.length / GATEWAYS);
        growth.push({
          replicas: count,
          changes: times.length,
          controlPlaneCpuMsPerChange: round(cpuMs / times.length),
          envoyCpuMsPerChange: envoyMs,
          p50Ms: round(last.p50),
          p99Ms: round(last.p99),
          slowest,
          residentMiB: round(report.residentBytes / MEBI),
          bytesOfWholeFleetPerEnvoyAndSidecar: perNode(told.bytes),
          bytesPerChangePerEnvoyAndSidecar: perNode(report.bytes),
          resourcesPerChange: report.resources,
        });
        say(
          `${isGuarded ? '' : 'guard off, '}${count} replicas: p50 ${round(last.p50)} ms, p99 ${round(last.p99)} ms over ${times.length} changes (slowest: ${slowest}); CPU per change: control plane ${round(cpuMs / times.length)} ms, each Envoy ${envoyMs} ms; bytes per change ${JSON.stringify(perNode(report.bytes))}, at first ${JSON.stringify(perNode(told.bytes))}; control plane ${round(report.residentBytes / MEBI)} MiB`,
        );
      }
      return { growth, last: last! };
    };
    const {
      growth,
      last: { p99, report },
    } = await grow(true, LEAST_CHANGES, seconds / SIZES.length);
    const unguarded = await grow(false, LEAST_UNGUARDED, 0);
    const rejected = (await Promise.all(envoys.map((envoy) => envoy.stats('update_rejected'))))
      .flatMap((stats) => Object.values(stats))
      .reduce((sum, value) => sum + value, 0);
    return {
      objectives: [
        atMost('ms from one health change to the last of 3 Envoys and 3 sidecars, p99, 1,000 replicas', 200, p99),
        atMost('MiB that the control plane holds, 1,000 replicas', 300, report.residentBytes / MEBI),
        exactly(
          'resources sent per change: endpoints to 3 Envoys and 3 sidecars',
          6,
          report.resources['ClusterLoadAssignment'] ?? 0,
        ),
        exactly(
          'resources sent per change: routes (the relay decides on guarded sessions, so none move)',
          0,
          report.resources['RouteConfiguration'] ?? 0,
        ),
        exactly(
          'resources sent per change: clusters, listeners, scopes, policies',
          0,
          ['Cluster', 'Listener', 'ScopedRouteConfiguration', 'ServerPolicy'].reduce(
            (sum, type) => sum + (report.resources[type] ?? 0),
            0,
          ),
        ),
        exactly(
          'guard off: resources sent per change: endpoints to 6, routes of one server to 3 Envoys',
          9,
          Object.values(unguarded.last.report.resources).reduce((sum, count) => sum + count, 0),
        ),
        atMost(
          'guard off: KiB of routes sent again to each Envoy per change, 1,000 replicas',
          MOST_ROUTES_KIB,
          (unguarded.last.report.bytes['RouteConfiguration'] ?? 0) / GATEWAYS / 1024,
        ),
        atMost(
          'guard off: ms from one health change to the last of 3 Envoys and 3 sidecars, p99, 1,000 replicas',
          200,
          unguarded.last.p99,
        ),
        exactly('updates that an Envoy rejected', 0, rejected),
        exactly('refusals', 'none', refusals.length === 0 ? 'none' : refusals.slice(0, 3).join('; ')),
        exactly(
          'replicas that the last sidecar knows',
          SIZES.at(-1)!,
          [...sidecars.at(-1)!.topology.servers.values()].reduce((sum, server) => sum + server.endpoints.length, 0),
        ),
      ],
      figures: { growth, growthWithoutGuard: unguarded.growth },
    };
  },
};

const perNode = (bytes: Record<string, number>) =>
  Object.fromEntries(
    Object.entries(bytes)
      .filter(([, total]) => total > 0)
      .map(([type, total]) => [type, Math.round(total / GATEWAYS)]),
  );
