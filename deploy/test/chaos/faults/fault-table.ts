import type { Cell } from '../../report/table.ts';
import { FAULTS, type Fault } from './faulty-replica.ts';
import { FaultRun } from './fault-run.ts';
import { cells, isByDeadline, isRight, paths, type Came, type Path } from './paths.ts';

/** Runs at a time: each is three replicas and two relays in this process. */
const AT_A_TIME = 6;

export interface FaultCell {
  path: string;
  fault: Fault;
  kind: 'safe' | 'unsafe';
  came: Came;
  /** How often the request ran. */
  executions: number;
  isRight: boolean;
  /** What an official client's user was told, where the table's word says too little; or why there was no call. */
  why: string | null;
}

/** Every path of the relay under every fault of a replica, with a request that may be repeated and with one that may not. */
export async function faultTable(wanted: readonly Path[] = paths): Promise<FaultCell[]> {
  const waiting = cells(wanted);
  const done: FaultCell[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) done.push(await meet(next));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return done;
}

async function meet({ path, fault, kind }: { path: Path; fault: Fault; kind: 'safe' | 'unsafe' }): Promise<FaultCell> {
  const run = new FaultRun();
  await run.start(isByDeadline(path, fault));
  try {
    const came = await path.meet(run, fault, kind);
    const { executions } = run.plan;
    const isOnce = kind === 'safe' ? executions <= 4 : executions <= 1;
    const isContained = run.internalErrors === 0;
    const isGood = isRight(path, fault, kind, came) && isOnce && isContained;
    return { path: path.name, fault, kind, came, executions, isRight: isGood, why: run.plan.told };
  } catch (error) {
    const { executions } = run.plan;
    return { path: path.name, fault, kind, came: 'as it was', executions, isRight: false, why: String(error) };
  } finally {
    await run.close();
  }
}

/** One row for each path and kind of request, one column for each fault. */
export function faultRows(table: readonly FaultCell[]): { head: string[]; rows: Cell[][] } {
  const rows = new Map<string, Cell[]>();
  for (const { path, kind } of table) rows.set(`${path}, ${kind}`, []);
  for (const [name, row] of rows) {
    row.push(name);
    for (const fault of FAULTS) {
      const cell = table.find((one) => `${one.path}, ${one.kind}` === name && one.fault === fault);
      row.push(cell ? `${cell.came}${cell.isRight ? '' : ' ✘'}` : null);
    }
  }
  return { head: ['path', ...FAULTS], rows: [...rows.values()].sort() };
}
