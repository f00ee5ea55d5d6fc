import { redisAnswer } from '../../mesh/start-redis.ts';
import { atMost, exactly, type Objective } from '../../report/objectives.ts';
import { ProcessWatch, shippedLimits } from '../process-watch.ts';
import { loadThroughBareEnvoy } from './bare-load.ts';
import { HonestLoad, WARM_SECONDS } from './honest-load.ts';
import {
  pidsOf,
  shown,
  startAttackedMesh,
  underAttack,
  worstMs,
  type Attack,
  type UnderAttack,
} from './under-attack.ts';

export interface LoadOptions extends Attack {
  honestSessions: number;
  /** Also the same attack on a mesh beside this one, and through bare Envoys: what it costs honest calls there is the machine's. */
  hasControl?: boolean;
}

export const FULL_LOAD: LoadOptions = {
  honestSessions: 200,
  everyMs: 1000,
  seconds: 40,
  slowBodies: 1000,
  idleConnections: 10_000,
  unreadStreams: 1000,
  initializes: 10_000,
  hasControl: true,
};

/** A tenth of everything: for the suite. */
export const SHORT_LOAD: LoadOptions = {
  honestSessions: 40,
  everyMs: 500,
  seconds: 10,
  slowBodies: 100,
  idleConnections: 1000,
  unreadStreams: 100,
  initializes: 500,
};

/** The kinds of attackers, each of which can come alone. */
export const ATTACKERS = ['slowBodies', 'idleConnections', 'unreadStreams', 'initializes'] as const;

/** A load without the other kinds, and without references: what one kind does. */
export function onlyOf(load: LoadOptions, kinds: readonly string[]): LoadOptions {
  const none = ATTACKERS.filter((kind) => !kinds.includes(kind)).map((kind) => [kind, 0] as const);
  return { ...load, ...Object.fromEntries(none), hasControl: false };
}

/** What Redis has in the composition: beyond it it refuses writes. */
const MAX_MEMORY = '200mb';
const MAX_MEMORY_MIB = 200;

/** Honest sessions work undisturbed, then while every kind of attacker is there at once. */
export async function runLoad(options: LoadOptions): Promise<Objective[]> {
  const { say = () => {}, seconds, everyMs } = options;
  await using mesh = await startAttackedMesh();
  const port = mesh.redis?.port ?? 0;
  await redisAnswer(port, `CONFIG SET maxmemory ${MAX_MEMORY}`);
  const urls = mesh.gateways.map((_, index) => mesh.url('attacked', index));
  const honest = new HonestLoad();
  try {
    await honest.open(urls, options.honestSessions);
    const watch = new ProcessWatch(mesh);
    await honest.run(WARM_SECONDS, everyMs);
    const before = await honest.run(seconds, everyMs);
    say(`undisturbed: ${before.calls} calls, p50 and p99 in ms: ${shown(before)}`);
    watch.take();
    const under = await underAttack(honest, urls, options, pidsOf(mesh));
    const used = Number(/used_memory:(\d+)/.exec(await redisAnswer(port, 'INFO memory'))?.[1]) / 2 ** 20;
    const { ended, tooLarge, peakMiB } = watch.take();
    const failure = under.during.firstFailure ?? under.late.firstFailure;
    if (failure !== null) say(`first failed call: ${failure}`);
    const limits = shippedLimits();
    const peaks = Object.entries(peakMiB).map(
      ([role, mib]) => `${role} ${Math.round(mib)} of ${limits[role as keyof typeof limits]}`,
    );
    say(`peaks, MiB: ${peaks.join(', ')}`);
    const beside = options.hasControl ? await attackBeside(honest, options) : null;
    const bare = options.hasControl ? await loadThroughBareEnvoy(options) : null;
    return [
      exactly('honest calls that failed, undisturbed', 0, before.failed),
      exactly(
        `honest calls that failed under attack, of ${under.during.calls + under.late.calls}`,
        0,
        under.during.failed + under.late.failed,
      ),
      atMost('p99 under attack ÷ undisturbed (times)', 3, worstMs(under) / before.p99Ms),
      ...(beside
        ? [
            atMost(
              'p99 under attack ÷ with the same attack on a mesh beside (times)',
              3,
              worstMs(under) / worstMs(beside),
            ),
          ]
        : []),
      ...(bare
        ? [
            atMost(
              'p99 under attack ÷ with the same attack through bare Envoys (times)',
              3,
              worstMs(under) / worstMs(bare),
            ),
          ]
        : []),
      exactly('processes that ended', 0, ended.length),
      exactly(`processes over their shipped limit (${peaks.join(', ')} MiB)`, 0, tooLarge.length),
      atMost('memory of Redis (MiB)', MAX_MEMORY_MIB, used),
    ];
  } finally {
    honest.close();
  }
}

/** The attack meets another mesh of this machine: it takes the machine's cores from these honest calls, and nothing else. */
async function attackBeside(honest: HonestLoad, options: LoadOptions): Promise<UnderAttack> {
  await using mesh = await startAttackedMesh();
  await redisAnswer(mesh.redis?.port ?? 0, `CONFIG SET maxmemory ${MAX_MEMORY}`);
  options.say?.('the same attack on a mesh beside this one:');
  return await underAttack(
    honest,
    mesh.gateways.map((_, index) => mesh.url('attacked', index)),
    options,
  );
}
