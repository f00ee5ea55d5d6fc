import { setTimeout as pause } from 'node:timers/promises';
import { count, type Call, type CallCounts } from '../../../chaos/call-log.ts';
import { Population } from '../../../chaos/population.ts';
import { executedAtMostOnce } from '../../../chaos/verdict.ts';
import { connectClient } from '../../../clients/connect-client.ts';
import { atMost, exactly, type Objective } from '../../../report/objectives.ts';
import { eventsSince } from './events-of-row.ts';
import { FailedSockets } from './failed-sockets.ts';
import type { Row, Stage } from './row.ts';

const LONG_CALL_MS = 25_000;
/** Before and after the event, so that it is clear what it changed. */
const AROUND_MS = 4000;
const SHOWN = 6;

export interface PlayedRow {
  counts: CallCounts & { lostSessions: number };
  objectives: Objective[];
  /** Calls that failed, for people, with what is known of their connections and what the cluster says of its pods. */
  failures: string[];
}

interface LostEntry {
  fromMs: number;
  toMs: number;
}
/** Whether a call ended with the connection to a pod that was lost. */
const wasOn = ({ result, startedAtMs, endedAtMs }: Call, lost: readonly LostEntry[]): boolean =>
  result.kind === 'error' &&
  result.message.includes('fetch failed') &&
  lost.some(({ fromMs, toMs }) => startedAtMs <= toMs && endedAtMs >= fromMs);

const failed = ({ result }: Call): boolean => result.kind !== 'answered';

/** Lets official clients call while the event happens, and judges every call. */
export async function playRow(row: Row, stage: Omit<Stage, 'entryLost'>, sessions: number): Promise<PlayedRow> {
  const isLong = row.calls === 'long';
  const hangMs = isLong ? 90_000 : 30_000;
  const kinds = ['v1', 'v2-legacy'] as const;
  // Ledgers outlive a row, and it may be played again.
  const keyPrefix = `${row.name} ${Date.now()} `;
  const population = new Population({
    size: sessions,
    everyMs: isLong ? 1000 : 400,
    hangMs,
    unsafeShare: isLong ? 0 : 0.2,
    slowShare: isLong ? 1 : 0.2,
    ...(isLong && { slowMs: LONG_CALL_MS }),
    random: Math.random,
    now: Date.now,
    keyPrefix,
    connect: (session) =>
      connectClient({ kind: kinds[session % 2] ?? 'v1', url: stage.mesh.url(row.server), timeoutMs: hangMs }),
  });
  await population.open();
  population.start();
  let own: Objective[] = [];
  const lostEntries: LostEntry[] = [];
  const entryLost = (fromMs: number, toMs: number): void => void lostEntries.push({ fromMs, toMs });
  const startMs = Date.now();
  const sockets = new FailedSockets();
  try {
    await pause(AROUND_MS);
    own = (await row.play({ ...stage, entryLost })) ?? [];
    await pause(AROUND_MS);
  } finally {
    await population.stop();
    sockets.close();
  }
  const calls = population.calls.filter((call) => !wasOn(call, lostEntries));
  const inFlight = population.calls.length - calls.length;
  // Each session has one call at a time.
  if (lostEntries.length > 0)
    own.push(atMost('calls that were in flight on the pod that was lost', sessions, inFlight));
  const lost = calls.filter((call) => call.kind === 'last' && failed(call)).length;
  const executions = new Map([...stage.mesh.executions(row.server)].filter(([key]) => key.startsWith(keyPrefix)));
  const about = (each: Objective): Objective => ({ ...each, name: `${row.name}: ${each.name}` });
  const shown = calls.filter(failed).slice(0, SHOWN);
  return {
    counts: { ...count(calls), lostSessions: lost },
    objectives: [...judged(calls, lost), ...executedAtMostOnce(population.calls, executions), ...own].map(about),
    failures: [
      ...shown.map((call) => described(call, startMs)),
      ...(shown.length === 0 ? [] : [...sockets.lines, ...(await eventsSince(stage.cluster.kubectl, startMs))]),
    ],
  };
}

function judged(calls: readonly Call[], lost: number): Objective[] {
  const bad = (kind: Call['kind'], ...results: ReadonlyArray<Call['result']['kind']>): number =>
    calls.filter((call) => call.kind === kind && results.includes(call.result.kind)).length;
  return [
    exactly('safe calls failed', 0, bad('safe', 'typed-error', 'error', 'hang')),
    exactly('calls that hung', 0, calls.filter(({ result }) => result.kind === 'hang').length),
    exactly('unsafe calls failed without saying what became of them', 0, bad('unsafe', 'error')),
    exactly('sessions refused', 0, bad('open', 'typed-error', 'error', 'hang')),
    exactly('sessions lost', 0, lost),
  ];
}

const described = ({ kind, tool, session, startedAtMs, endedAtMs, result }: Call, fromMs: number): string =>
  `${kind} ${tool} of session ${session} at ${((startedAtMs - fromMs) / 1000).toFixed(1)} s, after ${endedAtMs - startedAtMs} ms: ${JSON.stringify(result).slice(0, 300)}`;
