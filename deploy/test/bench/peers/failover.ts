import { setTimeout as pause } from 'node:timers/promises';
import { count, type Call } from '../../chaos/call-log.ts';
import { Population, type PopulationClient } from '../../chaos/population.ts';
import { seeded } from '../../chaos/run-scenario.ts';
import { connectClient } from '../../clients/connect-client.ts';
import type { ClientKind, McpClient } from '../../clients/mcp-client.ts';
import type { RunningPeer } from './peer.ts';

const KINDS: readonly ClientKind[] = ['v1', 'v2-legacy'];
const HANG_MS = 15_000;
const EVERY_MS = 500;
/** A killed replica comes back empty after this long, and the next is killed as long after that. */
const DOWN_MS = 2000;

export interface FailoverOptions {
  sessions: number;
  kills: number;
  /** Executions of unsafe calls by key, from the servers' ledger. */
  executions: () => ReadonlyMap<string, number>;
}

/** What clients saw of a peer while its replicas were killed. */
export interface Failover {
  answered: number;
  /** Errors that say what became of the call. */
  typedErrors: number;
  errors: number;
  hangs: number;
  /** Sessions that could not be opened, or whose last call, when all was over, failed. */
  dead: number;
  sessions: number;
  /** Sessions in which a call saw, before the first kill, what a call before it had put there. */
  stateful: number;
  executedTwice: number;
  p99Ms: number;
}

/** A session's state is on one replica: two calls of one session meet there, or the peer keeps no sessions on replicas. */
async function keepsState(client: McpClient, session: number): Promise<boolean> {
  const id = `ENG-${1 + (session % 5)}`;
  await client.callTool('cart_add', { id });
  const { cart } = (await client.callTool('cart')).data;
  return Array.isArray(cart) && cart.includes(id);
}

/** Some proxies put the errors of what is behind them into results: to whoever called, that is no answer. */
const failing = (client: McpClient): PopulationClient => ({
  async callTool(name, args, options) {
    const { isError, text } = await client.callTool(name, args, options);
    if (isError) throw new Error(text);
  },
  close: () => client.close(),
});

/** Sessions of official clients call through a peer while its replicas are killed in turn. */
export async function compareFailover(peer: RunningPeer, options: FailoverOptions): Promise<Failover> {
  let stateful = 0;
  const before = options.executions();
  const population = new Population({
    size: options.sessions,
    everyMs: EVERY_MS,
    hangMs: HANG_MS,
    unsafeShare: 0.3,
    slowShare: 0.2,
    connect: async (session) => {
      const client = await connectClient({
        kind: KINDS[session % KINDS.length] ?? 'v1',
        url: `http://127.0.0.1:${peer.port}${peer.path}`,
        timeoutMs: HANG_MS,
      });
      if (await keepsState(client, session).catch(() => false)) stateful++;
      return failing(client);
    },
    random: seeded(1),
    now: Date.now,
    keyPrefix: `${peer.port}-`,
  });
  try {
    await population.open();
    population.start();
    await pause(DOWN_MS);
    for (let kill = 0; kill < options.kills; kill++) {
      const victim = peer.replicas[kill % peer.replicas.length];
      await victim?.process.kill();
      await pause(DOWN_MS);
      await victim?.process.start();
      await pause(DOWN_MS);
    }
  } finally {
    await population.stop();
  }
  const twice = [...options.executions()].filter(([key, times]) => times > 1 && !before.has(key)).length;
  return { ...sawOf(population.calls), sessions: options.sessions, stateful, executedTwice: twice };
}

function sawOf(calls: readonly Call[]): Omit<Failover, 'sessions' | 'stateful' | 'executedTwice'> {
  const { answered, typedErrors, errors, hangs, p99Ms } = count(calls);
  const dead = calls.filter(({ kind, result }) => ['open', 'last'].includes(kind) && result.kind !== 'answered').length;
  return { answered, typedErrors, errors, hangs, dead, p99Ms };
}
