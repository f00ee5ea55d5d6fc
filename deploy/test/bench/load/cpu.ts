import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100; // USER_HZ of every Linux build that Node and Envoy run on

/** CPU seconds that the threads of a process have used, to the nanosecond; undefined where the kernel does not say. */
function secondsOfThreads(pid: number): number | undefined {
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks).reduce(
      (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e9,
      0,
    );
  } catch {
    return undefined;
  }
}

/** CPU seconds (user and system) that a process has used; 0 when it is gone. Source otherwise: proc_pid_stat(5), fields 14 and 15. */
export function cpuSeconds(pid: number): number {
  const precise = secondsOfThreads(pid);
  if (precise !== undefined) return precise;
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/** Resident memory in MiB; 0 when the process is gone. */
export function residentMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** CPU microseconds per request of named processes, over one stretch of work. */
export async function cpuPerRequest<T extends { requests: number }>(
  pids: Record<string, number[]>,
  work: () => Promise<T>,
): Promise<T & { cpuUs: Record<string, number> }> {
  const total = (list: number[]): number => list.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = Object.entries(pids).map(([name, list]) => [name, total(list)] as const);
  const done = await work();
  const cpuUs = Object.fromEntries(
    before.map(([name, start]) => [
      name,
      Math.round(((total(pids[name]!) - start) * 1e7) / Math.max(1, done.requests)) / 10,
    ]),
  );
  return { ...done, cpuUs };
}
