import { startMesh } from '../mesh/start-mesh.ts';
import type { Gateway } from '../mesh/start-gateway.ts';
import { httpGet } from '../mesh/wait-for.ts';
import { atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { cpuPerRequest, cpuSeconds, residentMiB } from './load/cpu.ts';
import { CROWD, crowdServer, crowdSpeaks, openCrowd, RECOVERIES_AT_A_TIME } from './load/crowd.ts';
import { openSessions, runLoad } from './load/http-load.ts';
import type { Bench } from './main.ts';

/** Sessions of the replica that dies. */
const LOST = 50_000;
const CONNECTIONS = 32;
/** Sessions that speak in one stretch of load, spread over all. */
const SPEAKERS = 5000;
/** What a sidecar may take up to 50,000 sessions, and with any number beyond: they are the ones that it keeps in its memory. */
const MOST_MIB = 256;
/** What each session beyond the cache may add. */
const MOST_BYTES_BEYOND = 200;

interface Level {
  sessions: number;
  sidecarMiB: number;
  evicted: number;
  /** Of one call: CPU of the sidecar, and the part of it that collects garbage, in µs. */
  cpuUs: number;
  gcUs: number;
  errors: number;
}

/** The sum of a metric's series. */
async function metric(gateway: Gateway, name: string): Promise<number> {
  const text = (await httpGet(`${gateway.sidecars[0]?.adminUrl}/metrics`))?.body ?? '';
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}

const pidOf = (gateway: Gateway): number => gateway.sidecars[0]?.process.pid ?? 0;

/** What the sidecar takes while calls of all its sessions come. */
async function level(
  { gateway, port, path, sessions }: { gateway: Gateway; port: number; path: string; sessions: readonly string[] },
  seconds: number,
): Promise<Level> {
  const every = Math.max(1, Math.floor(sessions.length / SPEAKERS));
  const speakers = sessions.filter((_, index) => index % every === 0);
  const load = (): ReturnType<typeof runLoad> =>
    runLoad({ port, path, sessions: speakers, seconds, connections: CONNECTIONS });
  await load();
  const collectedBefore = await metric(gateway, 'nodejs_gc_duration_seconds_sum');
  const { requests, errors, cpuUs } = await cpuPerRequest({ sidecar: [pidOf(gateway)] }, load);
  const collected = (await metric(gateway, 'nodejs_gc_duration_seconds_sum')) - collectedBefore;
  return {
    sessions: sessions.length,
    sidecarMiB: Math.round(residentMiB(pidOf(gateway))),
    evicted: await metric(gateway, 'holdfast_session_cache_evictions_total'),
    cpuUs: cpuUs['sidecar'] ?? Number.NaN,
    gcUs: round((collected * 1e6) / Math.max(1, requests)),
    errors,
  };
}

export const bench: Bench = {
  description: `a replica with ${LOST} sessions dies; memory and garbage collection of a sidecar as its sessions become more (--sessions)`,
  async run({ say, seconds, sessions: most }) {
    await using mesh = await startMesh({ gateways: 1, servers: { [CROWD]: crowdServer } });
    const crowd = await openCrowd(mesh, 10_000);
    const { gateway, port, path, others, crowded, sessions } = crowd;
    const levels = [await level(crowd, seconds)];
    const growTo = async (count: number): Promise<void> => {
      sessions.push(...(await openSessions(port, path, count - sessions.length)));
      levels.push(await level(crowd, seconds));
      say(`${count} sessions: the sidecar has ${levels.at(-1)?.sidecarMiB} MiB`);
    };
    await growTo(LOST);

    for (const replica of others) await replica.process.start();
    await mesh.settled(others);
    const pids = { sidecar: pidOf(gateway), envoy: gateway.envoy.process.pid ?? 0 };
    const before = { sidecar: cpuSeconds(pids.sidecar), envoy: cpuSeconds(pids.envoy) };
    await crowded.process.kill();
    const spoken = await crowdSpeaks(crowd);
    const recovery = {
      sessions: LOST,
      seconds: round(spoken.seconds),
      slowestMs: Math.round(spoken.slowestMs),
      failed: spoken.failed,
      initializesAtATime: spoken.mostAtATime,
      sidecarCpuSeconds: round(cpuSeconds(pids.sidecar) - before.sidecar),
      envoyCpuSeconds: round(cpuSeconds(pids.envoy) - before.envoy),
      sidecarMiB: Math.round(residentMiB(pids.sidecar)),
    };
    say(table(['recovery', 'measured'], Object.entries(recovery)));

    for (let count = 2 * LOST; count <= most; count = count < most ? Math.min(most, count * 4) : count + 1)
      await growTo(count);
    say(
      table(
        ['sessions', 'sidecar MiB', 'evicted', 'µs per call', 'of them GC', 'errors'],
        levels.map((one) => [one.sessions, one.sidecarMiB, one.evicted, one.cpuUs, one.gcUs, one.errors]),
      ),
    );
    const last = levels.at(-1),
      full = levels.find((one) => one.sessions === LOST);
    const beyond = (last?.sessions ?? 0) - LOST;
    // What the recovery took is not given back to the system, and is no session's.
    const bytesBeyond = ((last?.sidecarMiB ?? Number.NaN) - recovery.sidecarMiB) * (2 ** 20 / beyond);
    return {
      objectives: [
        exactly(`sessions of ${LOST} that did not answer after their replica's death`, 0, spoken.failed),
        atMost('most initializes at a time at another replica', RECOVERIES_AT_A_TIME, spoken.mostAtATime),
        atMost(`MiB of the sidecar with ${LOST} sessions`, MOST_MIB, full?.sidecarMiB ?? Number.NaN),
        ...(beyond > 0
          ? [atMost('bytes of the sidecar for each session beyond its cache', MOST_BYTES_BEYOND, bytesBeyond)]
          : []),
        exactly(
          'calls that failed',
          0,
          levels.reduce((sum, { errors }) => sum + errors, 0),
        ),
      ],
      figures: { recovery, levels },
    };
  },
};
