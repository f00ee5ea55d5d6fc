import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Mesh } from '../mesh/start-mesh.ts';
import type { ManagedProcess } from '../mesh/managed-process.ts';

export type Role = 'envoy' | 'sidecar' | 'controlPlane' | 'redis';

/** Memory limits that the composition ships, MiB by role. */
export function shippedLimits(): Record<Role, number> {
  const compose = parse(readFileSync(new URL('../../../docker-compose.yml', import.meta.url), 'utf8'), {
    merge: true,
  }) as Record<string, { mem_limit?: string }> & { services: Record<string, { mem_limit?: string }> };
  const mib = (text: string | undefined): number => {
    const [, count, unit] = /^(\d+)([mg])$/.exec(text ?? '') ?? [];
    if (count === undefined) throw new Error(`docker-compose.yml: no memory limit in ${text}`);
    return Number(count) * (unit === 'g' ? 1024 : 1);
  };
  return {
    envoy: mib(compose['x-envoy']?.mem_limit),
    sidecar: mib(compose['x-sidecar']?.mem_limit),
    controlPlane: mib(compose['x-control-plane']?.mem_limit),
    redis: mib(compose.services['redis']?.mem_limit),
  };
}

/** The mesh's own processes. */
export const processesOf = (mesh: Mesh): Record<Role, ManagedProcess[]> => ({
  envoy: [...mesh.gateways, ...mesh.edges].map(({ envoy }) => envoy.process),
  sidecar: mesh.gateways.flatMap(({ sidecars }) => sidecars.map(({ process }) => process)),
  controlPlane: mesh.controlPlanes.map(({ process }) => process),
  redis: [...(mesh.redis?.processes ?? [])],
});

interface Watched {
  process: ManagedProcess;
  role: Role;
  pid: number;
}

export interface WatchReport {
  /** Names of processes that ended or were replaced. */
  ended: string[];
  /** Processes whose highest memory was over their shipped limit, with figures. */
  tooLarge: string[];
  /** Highest resident memory since the last look, MiB by role. */
  peakMiB: Record<Role, number>;
}

/** Pids and highest memory of the mesh's own processes. The kernel keeps the peak, so none is missed. */
export class ProcessWatch {
  readonly #limits = shippedLimits();
  #watched: Watched[] = [];

  constructor(mesh: Mesh) {
    const roles = Object.entries(processesOf(mesh)) as [Role, ManagedProcess[]][];
    this.#watched = roles.flatMap(([role, list]) =>
      list.map((process) => ({ process, role, pid: process.pid ?? Number.NaN })),
    );
    this.begin();
  }

  /** Forgets the peaks so far. */
  begin(): void {
    for (const { pid } of this.#watched) forgetPeak(pid);
  }

  take(): WatchReport {
    const report: WatchReport = {
      ended: [],
      tooLarge: [],
      peakMiB: { envoy: 0, sidecar: 0, controlPlane: 0, redis: 0 },
    };
    for (const { process, role, pid } of this.#watched) {
      if (process.pid !== pid) report.ended.push(process.name);
      const peak = peakMiB(pid);
      report.peakMiB[role] = Math.max(report.peakMiB[role], peak);
      if (peak > this.#limits[role])
        report.tooLarge.push(`${process.name} ${Math.round(peak)} of ${this.#limits[role]} MiB`);
    }
    this.begin();
    return report;
  }
}

/** Source: proc(5), clear_refs: 5 sets the peak of resident memory to what it is now. */
function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // It has ended, which `take` says.
  }
}

function peakMiB(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
