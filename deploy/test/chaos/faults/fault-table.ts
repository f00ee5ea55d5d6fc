import type { Cell } from '../../report/table.ts';
import { exactly, type Objective } from '../../report/objectives.ts';
import { FAULTS, type Fault } from './faulty-replica.ts';
import { FaultRun } from './fault-run.ts';
import { StallWatch } from './stall-watch.ts';
import { cells, isByDeadline, isRight, paths, type Came, type Kind, type Path } from './paths.ts';

/** Runs at a time: each is three replicas and two relays in this process. */
const AT_A_TIME = 6;

/** A cell that went wrong while this process had no CPU for so long is played again, at most so many times. */
const STALLED_MS = 2000;
const MOST_EARLIER = 2;

/** How often the replicas may have run a request. */
const MOST_EXECUTIONS: Record<Kind, number> = { safe: 4, unsafe: 1, 'no budget': 1 };

export interface FaultCell {
  path: string;
  fault: Fault;
  kind: Kind;
  came: Came;
  /** How often the request ran. */
  executions: number;
  isRight: boolean;
  /** What an official client's user was told, where the table's word says too little; or why there was no call. */
  why: string | null;
  /** The longest time that the process of all this had no CPU meanwhile. */
  stalledMs: number;
  /** How often it was played before, each time without CPU for a while. */
  earlier: number;
}

/** Every path of the relay under every fault of a replica, with a request that may be repeated and with one that may not. */
export async function faultTable(
  wanted: readonly Path[] = paths,
  met?: (done: readonly FaultCell[]) => void,
): Promise<FaultCell[]> {
  const waiting = cells(wanted);
  const done: FaultCell[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      done.push(await meetAwake(next, watch));
      met?.(done);
    }
  };
  const watch = new StallWatch();
  await Promise.all(Array.from({ length: AT_A_TIME }, work)).finally(() => watch.stop());
  return done;
}

interface Wanted {
  path: Path;
  fault: Fault;
  kind: Kind;
}
type Played = Omit<FaultCell, 'stalledMs' | 'earlier'>;

/** A client without CPU has its timeout together with the mesh's answer. Such a cell is played again, unless something ran too often in it. */
async function meetAwake(wanted: Wanted, watch: StallWatch): Promise<FaultCell> {
  for (let earlier = 0; ; earlier++) {
    const startedAtMs = performance.now();
    const cell = await meet(wanted);
    const stalledMs = watch.longestSince(startedAtMs);
    const isExcused = stalledMs >= STALLED_MS && !ranTooOften(cell) && earlier < MOST_EARLIER;
    if (cell.isRight || !isExcused) return { ...cell, stalledMs, earlier };
  }
}

async function meet({ path, fault, kind }: Wanted): Promise<Played> {
  const run = new FaultRun();
  await run.start(isByDeadline(path, fault), kind !== 'no budget');
  try {
    const came = await path.meet(run, fault, kind);
    const { executions } = run.plan;
    const isOnce = !ranTooOften({ kind, executions });
    const isContained = run.internalErrors === 0;
    const isGood = isRight(path, fault, kind, came) && isOnce && isContained;
    return { path: path.name, fault, kind, came, executions, isRight: isGood, why: run.plan.told };
  } catch (error) {
    const { executions } = run.plan;
    return { path: path.name, fault, kind, came: 'no result', executions, isRight: false, why: String(error) };
  } finally {
    await run.close();
  }
}

const ranTooOften = ({ kind, executions }: Pick<FaultCell, 'kind' | 'executions'>): boolean =>
  executions > MOST_EXECUTIONS[kind];
const failed = (wanted: Kind, { kind, isRight }: FaultCell): boolean => kind === wanted && !isRight;

/** What a run of the table must show; `total` cells were wanted. */
export function faultObjectives(table: readonly FaultCell[], total: number): Objective[] {
  const count = (is: (cell: FaultCell) => boolean): number => table.filter(is).length;
  return [
    exactly('cells without a result', 0, total - count(({ came }) => came !== 'no result')),
    exactly(
      'requests that hung',
      0,
      count(({ came }) => came === 'HANG'),
    ),
    exactly(
      'sessions lost',
      0,
      count(({ came }) => came === 'LOST'),
    ),
    exactly(
      'safe requests that came to something else than they should',
      0,
      count((cell) => failed('safe', cell)),
    ),
    exactly(
      'unsafe requests without a typed error',
      0,
      count((cell) => failed('unsafe', cell)),
    ),
    exactly(
      'unsafe requests that ran twice',
      0,
      count((cell) => cell.kind === 'unsafe' && ranTooOften(cell)),
    ),
    exactly(
      'requests sent again beyond the cap',
      0,
      count((cell) => cell.kind === 'safe' && ranTooOften(cell)),
    ),
    exactly(
      'requests sent again beyond the retry budget',
      0,
      count((cell) => cell.kind === 'no budget' && ranTooOften(cell)),
    ),
    exactly(
      'cells that came to something else than they should',
      0,
      count(({ isRight }) => !isRight),
    ),
  ];
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
