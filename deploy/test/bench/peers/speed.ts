import { median } from '../../report/median.ts';
import { openSessions, runLoad, type LoadResult } from '../load/http-load.ts';
import { cpuPerRequest } from '../load/cpu.ts';
import type { RunningPeer } from './peer.ts';

const SESSIONS = 64;
const CONNECTIONS = 32;

/** A stretch of load: how answers come, over how many connections, and which share of a peer's turn it takes. */
const STRETCHES = {
  json: { tool: 'add', connections: CONNECTIONS, share: 0.4 },
  events: { tool: 'say', connections: CONNECTIONS, share: 0.4 },
  single: { tool: 'add', connections: 1, share: 0.2 },
} as const;
type Stretch = keyof typeof STRETCHES;
type Measured = LoadResult & { cpuUs: Record<string, number> };

/**
 * Medians of the rounds. CPU in µs per call, of everything but clients and replicas, in the least disturbed round: neighbours on the machine only
 * ever add.
 */
export interface Speed {
  requestsPerSecond: number;
  /** Lowest and highest round. */
  spread: [number, number];
  p50Ms: number;
  p99Ms: number;
  cpuUs: number;
  cpuUsOfEvents: number;
  singleP50Ms: number;
  errors: number;
}

/** Sessions as clients open them, with the notification that some servers wait for. */
async function openInitialized({ port, path }: RunningPeer): Promise<string[]> {
  const sessions = await openSessions(port, path, SESSIONS);
  for (const session of sessions) {
    const answer = await post({ port, path }, session, { jsonrpc: '2.0', method: 'notifications/initialized' });
    if (answer.status !== 202) throw new Error(`notifications/initialized was answered with ${answer.status}`);
  }
  return sessions;
}

const post = async (
  { port, path }: Pick<RunningPeer, 'port' | 'path'>,
  session: string,
  message: object,
): Promise<{ status: number; text: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      'mcp-session-id': session,
    },
    body: JSON.stringify(message),
  });
  return { status: response.status, text: await response.text() };
};

/** Load counts HTTP statuses only: one call of each tool shows before that a status of 200 means a result. */
async function mustAnswer(name: string, peer: RunningPeer, session: string): Promise<void> {
  for (const { tool } of Object.values(STRETCHES)) {
    const params = { name: tool, arguments: { a: 1, b: 2 } };
    const { status, text } = await post(peer, session, { jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    if (status !== 200 || !text.includes('hello'))
      throw new Error(`${name} answers a call of ${tool} with ${status} ${text.slice(0, 200)}`);
  }
}

/** A peer that runs, with sessions that load may use. */
export interface ReadyPeer {
  name: string;
  running: RunningPeer;
  sessions: string[];
}

/** Opens sessions, and throws where a call has no result. */
export async function readyForLoad(name: string, running: RunningPeer): Promise<ReadyPeer> {
  const sessions = await openInitialized(running);
  await mustAnswer(name, running, sessions[0] ?? '');
  return { name, running, sessions };
}

/** Loads all peers in turn, round by round, so that a noisy machine disturbs each alike. `seconds`: of one peer's turn. */
export async function compareSpeed(
  peers: readonly ReadyPeer[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Map<string, Speed>> {
  const runs = new Map(peers.map(({ name }): [string, Runs] => [name, { json: [], events: [], single: [] }]));
  // The round before the first warms all up.
  for (let round = -1; round < rounds; round++) {
    for (const { name, running, sessions } of peers) {
      for (const [stretch, { tool, connections, share }] of Object.entries(STRETCHES)) {
        const measured = await cpuPerRequest({ peer: running.pids() }, () =>
          runLoad({
            port: running.port,
            path: running.path,
            connections,
            sessions,
            seconds: seconds * share,
            tool,
          }),
        );
        if (round >= 0) runs.get(name)?.[stretch as Stretch].push(measured);
      }
    }
  }
  return new Map([...runs].map(([name, all]) => [name, speedOf(all)]));
}

type Runs = Record<Stretch, Measured[]>;

function speedOf({ json, events, single }: Runs): Speed {
  const of = (runs: readonly Measured[], figure: (one: Measured) => number): number => median(runs.map(figure));
  const rates = json.map(({ requestsPerSecond }) => requestsPerSecond);
  const cpu = (one: Measured): number => one.cpuUs['peer'] ?? Number.NaN;
  return {
    requestsPerSecond: median(rates),
    spread: [Math.min(...rates), Math.max(...rates)],
    p50Ms: of(json, ({ p50Ms }) => p50Ms),
    p99Ms: of(json, ({ p99Ms }) => p99Ms),
    cpuUs: Math.min(...json.map(cpu)),
    cpuUsOfEvents: Math.min(...events.map(cpu)),
    singleP50Ms: of(single, ({ p50Ms }) => p50Ms),
    errors: [...json, ...events, ...single].reduce((sum, { errors }) => sum + errors, 0),
  };
}
