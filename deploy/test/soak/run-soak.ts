import { setTimeout as pause } from 'node:timers/promises';
import { CROWD_LIMITS } from '../mesh/many-clients-limits.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { median } from '../report/median.ts';
import { atMost, exactly, round, type Objective } from '../report/objectives.ts';
import { Crowd, type CrowdFigures } from './crowd.ts';
import { faultOf, Faults, type Fault, type FaultKind } from './faults.ts';
import { Samples, type Curve } from './samples.ts';
import { floors, trendOf, type Point } from './trend.ts';

const MINUTE_MS = 60_000;
/** Until caches are full and heaps have found their size, memory grows in every process, however often something breaks. */
const WARM_MS = 10 * MINUTE_MS;
/** Memory of a shorter stretch says nothing. */
const LEAST_JUDGED_MS = 10 * MINUTE_MS;
const MOST_PERCENT_PER_HOUR = 1;
const MOST_GROWTH = 1.2;
const SAMPLES_PER_TURN = 6;

export interface SoakOptions {
  say: (text: string) => void;
  forMs: number;
  /** Length of a turn: one fault each. */
  faultsEveryMs: number;
  sessions: number;
  /** Between two calls of a session. */
  callEveryMs: number;
  /** The faults in turn, instead of those that the turn's number names: for short runs. */
  order?: readonly FaultKind[];
}

export interface SoakResult {
  objectives: Objective[];
  figures: CrowdFigures & { memory: Memory[] };
  /** `mcp_session_lost_total` of all sidecars, by its labels. */
  lost: Record<string, number>;
  examples: string[];
  curves: Curve[];
  faults: { atMs: number; kind: FaultKind; what: string }[];
}

interface Memory {
  process: string;
  firstMiB: number;
  lastMiB: number;
  percentPerHour: number;
  error: number;
}

const startSoakMesh = (): Promise<Mesh> => {
  const settings = { trustAnnotations: true, ...CROWD_LIMITS };
  return startMesh({
    gateways: 2,
    redis: 'sentinel',
    servers: {
      linear: { replicas: { stable: 3, canary: 2 }, weights: { canary: 0 }, args: ['--http-sse'], settings },
      fixture: { replicas: 2, args: ['--sdk', 'v2'], settings },
    },
  });
};

/** Runs a mesh under mixed clients and faults, and watches what grows. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const { say, forMs, faultsEveryMs, sessions, callEveryMs } = options;
  await using mesh = await startSoakMesh();
  const faults = new Faults(mesh, faultsEveryMs);
  const crowd = new Crowd(mesh, { sessions, everyMs: callEveryMs, faults: faults.done });
  await crowd.start();
  say(`${sessions} sessions are open`);
  const startedAtMs = Date.now(),
    now = (): number => Date.now() - startedAtMs;
  const samples = new Samples(mesh, now);
  const sample = async (): Promise<void> => {
    await samples.take();
    crowd.count();
    samples.add('lost sessions', 'three failed calls in a row', null, crowd.seemLost);
    samples.add('hangs', 'so far', null, crowd.figures.hangs);
  };
  const ended = new AbortController();
  const sampling = (async () => {
    while (!ended.signal.aborted) {
      await sample();
      await pause(faultsEveryMs / SAMPLES_PER_TURN, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  })();
  try {
    for (let turn = 1; turn * faultsEveryMs <= forMs; turn++) {
      await pause(Math.max(0, turn * faultsEveryMs - now()));
      await faults.break(options.order?.[turn - 1] ?? faultOf(turn));
      const { calls, answered, hangs } = crowd.figures;
      say(
        `${Math.round(now() / 1000)} s: ${faults.done.at(-1)?.what}; ${calls} calls, ${answered} answered, ${hangs} hung`,
      );
    }
    await pause(Math.max(0, forMs - now()));
    await sample();
  } finally {
    ended.abort();
    await sampling;
    await crowd.stop();
  }
  const marks = faults.done.map(({ kind, what, atMs }: Fault) => ({ atMs: atMs - startedAtMs, kind, what }));
  const judged = judge(crowd.figures, samples.curves, WARM_MS, say);
  return {
    ...judged,
    lost: samples.lost,
    objectives: [
      ...judged.objectives,
      exactly('faults that were not mended within a minute', 0, faults.notMended.length),
    ],
    examples: [...faults.notMended, ...crowd.examples],
    curves: samples.curves,
    faults: marks,
  };
}

/** The curve of a process that has lived since the warm-up's end, without the warm-up. */
function lasting(
  curves: readonly Curve[],
  figure: Curve['figure'],
  warmMs: number,
): { name: string; points: Point[] }[] {
  const endMs = Math.max(0, ...curves.flatMap(({ points }) => points.map(({ atMs }) => atMs)));
  return curves
    .filter((one) => one.figure === figure)
    .filter(({ points }) => (points[0]?.atMs ?? Infinity) <= warmMs && (points.at(-1)?.atMs ?? 0) >= endMs * 0.95)
    .map(({ name, points }) => ({ name, points: points.filter(({ atMs }) => atMs >= warmMs) }));
}

/** Redis keeps a tombstone of each ended session for a time, and a failover changes who holds connections: curves, and no goals. */
const isOurs = (process: string): boolean => !/^(redis|sentinel)/.test(process);

/** Last fifth against first fifth. */
const growthOf = (points: readonly Point[]): number => {
  const part = Math.max(1, Math.floor(points.length / 5));
  const values = points.map(({ value }) => value);
  return median(values.slice(-part)) / Math.max(1, median(values.slice(0, part)));
};

function judge(
  figures: CrowdFigures,
  curves: readonly Curve[],
  warmMs: number,
  say: (text: string) => void,
): Pick<SoakResult, 'objectives' | 'figures'> {
  const resident = lasting(curves, 'RSS, MiB', warmMs);
  const memory = resident.flatMap(({ name, points }): Memory[] => {
    const least = floors(points),
      trend = trendOf(least);
    if (trend === null) return [];
    const [firstMiB = 0, lastMiB = 0] = [least[0]?.value, least.at(-1)?.value].map((each) => Math.round(each ?? 0));
    return [
      { process: name, firstMiB, lastMiB, percentPerHour: round(trend.percentPerHour), error: round(trend.error) },
    ];
  });
  const judgedMs = Math.max(0, ...resident.map(({ points }) => (points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0)));
  const isLongEnough = judgedMs >= LEAST_JUDGED_MS;
  if (!isLongEnough) say('memory is not judged: that takes ten minutes after the first ten');
  const growths = lasting(curves, 'file descriptors', warmMs).filter(({ name }) => isOurs(name));
  return {
    figures: { ...figures, memory },
    objectives: [
      exactly('sessions lost', 0, figures.lost),
      exactly('404s on sessions', 0, figures.notFound),
      exactly('hangs of calls that were not on a killed gateway', 0, figures.unexplainedHangs),
      exactly('untyped errors of calls that were not on a killed gateway', 0, figures.unexplainedErrors),
      ...(isLongEnough
        ? [
            ...memory
              .filter(({ process }) => isOurs(process))
              .map(({ process, percentPerHour, error }) =>
                atMost(
                  `${process}: RSS, % an hour, less two standard errors`,
                  MOST_PERCENT_PER_HOUR,
                  percentPerHour - error,
                ),
              ),
            ...growths.map(({ name, points }) =>
              atMost(`${name}: descriptors, last ÷ first`, MOST_GROWTH, growthOf(points)),
            ),
          ]
        : []),
    ],
  };
}
