import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseJsonObject } from '../../../../proto/parse-json.ts';
import { CROWD_LIMITS } from '../../mesh/many-clients-limits.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import type { MeshOptions } from '../../mesh/mesh-options.ts';
import { temporaryFolder } from '../../mesh/temporary-folder.ts';
import { atLeast, atMost, exactly, round, type Objective } from '../../report/objectives.ts';
import { table } from '../../report/table.ts';
import { readLedger } from '../../servers/kit/ledger.ts';
import { compareFailover, type Failover } from './failover.ts';
import { filePeer } from './file-peer.ts';
import { ENVELOPE, GUARDED, ownPeers, startPlainEnvoy, STEADY, steadyTwin } from './own-peers.ts';
import type { Peer, RunningPeer, SkippedPeer, Stage } from './peer.ts';
import { compareSpeed, readyForLoad, type ReadyPeer, type Speed } from './speed.ts';

const FILES = import.meta.dirname;
/** Balancers of Debian, then proxies of the Python index. */
const DESCRIBED = { HAProxy: 'haproxy', nginx: 'nginx', 'mcp-proxy': 'mcp-proxy', 'FastMCP proxy': 'fastmcp' };

export interface ComparePeersOptions {
  say: (text: string) => void;
  /** Of one peer's turn in one round of the speed half. */
  seconds: number;
  peer: readonly string[];
  only: readonly string[];
  rounds?: number;
  sessions?: number;
  kills?: number;
}

interface Compared {
  name: string;
  version: string;
  configuration: string;
  speed: Speed | null;
  failover: Failover | null;
}

function namedFiles(given: readonly string[]): [string, string][] {
  return given.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new Error(`--peer ${text}: expected NAME=FILE, for example agentgateway=agentgateway.yaml`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
}

/** Every peer that can be started here, and why the others can't. */
async function findPeers({ peer, only }: ComparePeersOptions): Promise<{ peers: Peer[]; skipped: SkippedPeer[] }> {
  const { version = 'unknown' } = (parseJsonObject(readFileSync(join(REPOSITORY, 'package.json'))) ?? {}) as {
    version?: string;
  };
  const own = await ownPeers(version);
  const described = Object.entries(DESCRIBED).map(([name, file]) => [name, join(FILES, `${file}.yaml`)] as const);
  const files = [...described, ...namedFiles(peer)];
  const names = [...own.map(({ name }) => name), ...files.map(([name]) => name)];
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`--only: no peer is called ${unknown.join(', ')}; there are ${names.join('; ')}`);
  const isWanted = (name: string): boolean => only.length === 0 || only.includes(name);
  const found: (Peer | SkippedPeer)[] = own.filter(({ name }) => isWanted(name));
  for (const [name, file] of files) if (isWanted(name)) found.push(await filePeer(name, file));
  return { peers: found.filter((one) => 'start' in one), skipped: found.filter((one) => 'why' in one) };
}

/** The same program twice: behind Holdfast's guard, where the peers find it too, and without. */
function twins(
  server: string,
  replicas: number,
  more: { program?: string; args?: readonly string[] },
  steadyArgs = more.args,
) {
  const settings = { trustAnnotations: true, ...CROWD_LIMITS };
  const program = more.program ?? `deploy/test/servers/${server}/main.ts`;
  return {
    [server]: { replicas, ...more, program, settings },
    [steadyTwin(server)]: {
      replicas,
      ...more,
      ...(steadyArgs && { args: steadyArgs }),
      program,
      settings: { ...settings, guard: 'off' },
    },
  } satisfies MeshOptions['servers'];
}

async function startStage(mesh: Mesh, server: string): Promise<Stage> {
  return { mesh, server, envelope: await startPlainEnvoy({ mesh, server }, 'envelope') };
}

/** What a peer came to, or why it could not be compared: one that doesn't work is no reason to know nothing of the others. */
async function attempt<T>(name: string, skipped: SkippedPeer[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    skipped.push({ name, why: (error as Error).message });
    return undefined;
  }
}

async function speedOf(
  mesh: Mesh,
  peers: readonly Peer[],
  skipped: SkippedPeer[],
  { rounds = 5, seconds }: ComparePeersOptions,
): Promise<Map<string, Speed>> {
  const stage = await startStage(mesh, 'quick');
  const running: RunningPeer[] = [],
    ready: ReadyPeer[] = [];
  try {
    for (const peer of peers) {
      const one = await attempt(peer.name, skipped, async () => {
        const started = await peer.start(stage);
        running.push(started);
        return readyForLoad(peer.name, started);
      });
      if (one) ready.push(one);
    }
    return await compareSpeed(ready, { rounds, seconds });
  } finally {
    await Promise.all([...running, stage.envelope].map((one) => one.close()));
  }
}

async function failoverOf(
  mesh: Mesh,
  peer: Peer,
  ledger: string,
  { sessions = 60, kills = 4 }: ComparePeersOptions,
): Promise<Failover> {
  // Each with an Envoy of its own beneath, if any: what one peer's kills have taught it is not the next one's matter.
  const stage = await startStage(mesh, 'linear');
  await using running = new AsyncDisposableStack();
  running.defer(() => stage.envelope.close());
  const one = await peer.start(stage);
  running.defer(() => one.close());
  await mesh.settled();
  return await compareFailover(one, { sessions, kills, executions: () => readLedger(ledger) });
}

/** Figures of one run, and of the machine that it ran on. */
export async function comparePeers(
  options: ComparePeersOptions,
): Promise<{ objectives: Objective[]; figures: Record<string, unknown> }> {
  const { say } = options;
  const { peers, skipped } = await findPeers(options);
  const load = loadavg()[0] ?? 0;
  const folder = await temporaryFolder('holdfast-peers-');
  await using mesh = await startMesh({
    gateways: 1,
    envoyConcurrency: availableParallelism(),
    servers: {
      ...twins('quick', 2, { program: 'deploy/test/bench/peers/upstream.ts' }, ['--any-session']),
      ...twins('linear', 3, { args: ['--ledger', join(folder.path, 'ledger')] }),
    },
  });
  try {
    const speeds = await speedOf(mesh, peers, skipped, options);
    const failovers = new Map<string, Failover | undefined>();
    for (const peer of peers.filter(({ name }) => speeds.has(name))) {
      say(`failover: ${peer.name}`);
      const work = () => failoverOf(mesh, peer, join(folder.path, 'ledger'), options);
      failovers.set(peer.name, await attempt(peer.name, skipped, work));
    }
    for (const { name, why } of skipped) say(`left out: ${name}: ${why}`);
    const compared = peers.map(({ name, version, configuration }): Compared => {
      return { name, version, configuration, speed: speeds.get(name) ?? null, failover: failovers.get(name) ?? null };
    });
    say(`\n${speedTable(compared)}\n\n${failoverTable(compared)}`);
    const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}`;
    const date = new Date().toISOString().slice(0, 10);
    return {
      objectives: objectivesOf(compared),
      figures: { date, machine, loadBefore: round(load), peers: compared, skipped },
    };
  } finally {
    await folder.remove();
  }
}

const speedTable = (compared: readonly Compared[]): string => {
  const base = compared.find(({ name }) => name === ENVELOPE)?.speed?.requestsPerSecond;
  const head = ['peer', 'calls/s', 'lowest', 'highest', '÷ envelope', 'p50 ms', 'p99 ms', 'p50 ms, 1 connection'];
  const rows = compared.flatMap(({ name, speed }) => {
    if (speed === null) return [];
    const { requestsPerSecond: rate, spread, p50Ms, p99Ms, singleP50Ms, cpuUs, cpuUsOfEvents, errors } = speed;
    const ratio = base === undefined ? null : round(rate / base);
    const times = [p50Ms, p99Ms, singleP50Ms].map(round);
    return [[name, ...[rate, ...spread].map(Math.round), ratio, ...times, round(cpuUs), round(cpuUsOfEvents), errors]];
  });
  return table([...head, 'CPU µs', 'CPU µs, events', 'errors'], rows);
};

const failoverTable = (compared: readonly Compared[]): string =>
  table(
    ['peer', 'calls ok', 'typed errors', 'errors', 'hangs', 'dead sessions', 'with state', 'run twice', 'p99 ms'],
    compared.flatMap(({ name, failover: saw }) =>
      saw === null
        ? []
        : [
            [
              name,
              ...[saw.answered, saw.typedErrors, saw.errors, saw.hangs],
              `${saw.dead} of ${saw.sessions}`,
              `${saw.stateful} of ${saw.sessions}`,
              saw.executedTwice,
              saw.p99Ms,
            ],
          ],
    ),
  );

/** The goals of issue 22 are about the guarded way; where it was not compared, there is only that every peer could be started. */
function objectivesOf(compared: readonly Compared[]): Objective[] {
  const speedAt = (name: string): Speed | null => compared.find((one) => one.name === name)?.speed ?? null;
  const envelope = speedAt(ENVELOPE),
    guarded = speedAt(GUARDED),
    steady = speedAt(STEADY);
  const own = compared.filter(({ name }) => name.startsWith('Holdfast'));
  const failed = own.reduce((sum, { speed }) => sum + (speed?.errors ?? 0), 0);
  return [
    exactly('Holdfast: failed calls under load', 0, failed),
    ...(envelope && steady
      ? [atLeast('steady ÷ envelope, calls/s', 0.8, steady.requestsPerSecond / envelope.requestsPerSecond)]
      : []),
    ...(envelope && guarded
      ? [
          atLeast('guarded ÷ envelope, calls/s', 0.6, guarded.requestsPerSecond / envelope.requestsPerSecond),
          atMost('guarded ÷ envelope, CPU', 2, guarded.cpuUs / envelope.cpuUs),
          atMost('guarded ÷ envelope, median with 1 connection', 2, guarded.singleP50Ms / envelope.singleP50Ms),
        ]
      : []),
    ...own.flatMap(({ name, failover }) => (failover === null ? [] : failoverObjectives(name, failover))),
  ];
}

function failoverObjectives(name: string, saw: Failover): Objective[] {
  const isGuarded = name === GUARDED;
  return [
    exactly(`${name}: sessions dead after the kills`, 0, saw.dead),
    exactly(`${name}: calls executed twice`, 0, saw.executedTwice),
    exactly(`${name}: sessions that kept their state before the kills`, saw.sessions, saw.stateful),
    // Nobody can end a cut stream without a guard.
    ...(isGuarded
      ? [
          exactly(`${name}: calls that hung`, 0, saw.hangs),
          exactly(`${name}: errors that do not say what became of the call`, 0, saw.errors),
        ]
      : []),
  ];
}
