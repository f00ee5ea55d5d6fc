import { readdirSync } from 'node:fs';
import { residentMiB } from '../bench/load/cpu.ts';
import type { ManagedProcess } from '../mesh/managed-process.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { redisAnswer, type SentinelRedis } from '../mesh/start-redis.ts';
import { httpGet } from '../mesh/wait-for.ts';
import type { Point } from './trend.ts';

/** One curve. `pid`: of the process that it is about; a process that starts again begins a new curve. */
export interface Curve {
  figure: 'RSS, MiB' | 'file descriptors' | 'event-loop delay, p99 ms' | 'Redis keys' | 'lost sessions' | 'hangs';
  name: string;
  pid: number | null;
  points: Point[];
}

const EVENT_LOOP_LAG = /^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)/m;

const LOST = /^mcp_session_lost_total\{([^}]*)\} (\d+)/gm;

function descriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Figures of the mesh over time. */
export class Samples {
  readonly curves: Curve[] = [];
  /** What `mcp_session_lost_total` said last, by process and labels: a process that starts again begins at 0. */
  readonly #lost = new Map<string, { labels: string; count: number }>();
  readonly #mesh: Mesh;
  readonly #now: () => number;

  /** `now`: ms since the start. */
  constructor(mesh: Mesh, now: () => number) {
    this.#mesh = mesh;
    this.#now = now;
  }

  /** `mcp_session_lost_total` of all sidecars, by its labels. */
  get lost(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { labels, count } of this.#lost.values())
      if (count > 0)
        sums[`mcp_session_lost_total{${labels}}`] = (sums[`mcp_session_lost_total{${labels}}`] ?? 0) + count;
    return sums;
  }

  /** Looks at all processes of the mesh but the replicas, which are not the product. */
  async take(): Promise<void> {
    const { controlPlanes, gateways, redis } = this.#mesh;
    const envoys = gateways.map(({ envoy }) => envoy.process),
      sidecars = gateways.flatMap((each) => each.sidecars);
    const watched = [
      ...envoys,
      ...[...sidecars, ...controlPlanes].map(({ process }) => process),
      ...(redis?.processes ?? []),
    ];
    for (const process of watched) this.#ofProcess(process);
    const withLoop = [...sidecars, ...controlPlanes].filter(({ process }) => process.isRunning);
    await Promise.all(withLoop.map(({ process, adminUrl }) => this.#ofMetrics(process, adminUrl)));
    await this.#redisKeys();
  }

  add(figure: Curve['figure'], name: string, pid: number | null, value: number): void {
    let curve = this.curves.findLast((one) => one.figure === figure && one.name === name);
    if (curve?.pid !== pid) {
      curve = { figure, name, pid, points: [] };
      this.curves.push(curve);
    }
    curve.points.push({ atMs: this.#now(), value });
  }

  #ofProcess({ name, pid }: ManagedProcess): void {
    if (pid === undefined) return;
    const resident = residentMiB(pid);
    if (resident === 0) return;
    this.add('RSS, MiB', name, pid, resident);
    this.add('file descriptors', name, pid, descriptors(pid));
  }

  async #ofMetrics({ name, pid }: ManagedProcess, adminUrl: string): Promise<void> {
    const answer = await httpGet(`${adminUrl}/metrics`);
    for (const [, labels = '', count] of (answer?.body ?? '').matchAll(LOST))
      this.#lost.set(`${pid} ${labels}`, { labels, count: Number(count) });
    const seconds = Number(EVENT_LOOP_LAG.exec(answer?.body ?? '')?.[1]);
    if (pid !== undefined && Number.isFinite(seconds)) this.add('event-loop delay, p99 ms', name, pid, seconds * 1000);
  }

  async #redisKeys(): Promise<void> {
    const redis = this.#mesh.redis;
    if (redis === null) return;
    try {
      const port = 'primaryPort' in redis ? await (redis as SentinelRedis).primaryPort() : redis.port;
      const keys = Number(/:(\d+)/.exec(await redisAnswer(port, 'DBSIZE'))?.[1]);
      if (Number.isFinite(keys)) this.add('Redis keys', 'primary', null, keys);
    } catch {
      // There is none at the moment: that is one of the faults.
    }
  }
}
