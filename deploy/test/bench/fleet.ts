import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import type { Bench } from './main.ts';
import type { Order, Told } from './xds/busy-control-plane.ts';
import type { Known } from './xds/many-clients.ts';

const REPLICAS = 10_000;
const GATEWAYS = 200;
const CHANGES_PER_SECOND = 50;
/** Enough for a p99 to mean something, whatever `--seconds` says. */
const LEAST_SECONDS = 10;
/** Processes that the gateways' streams are spread over. */
const CLIENTS = 4;
const MOST_PUSH_MS = 2000;
const MOST_MIB = 1024;

export const bench: Bench = {
  description: `a control plane with ${REPLICAS} replicas of 500 servers tells ${GATEWAYS} Envoys and ${GATEWAYS} sidecars of ${CHANGES_PER_SECOND} changes a second`,
  async run({ say, seconds }) {
    await using cleanup = new AsyncDisposableStack();
    const deaths: Promise<never>[] = [];
    const start = (file: string, args: number[]): ChildProcess => {
      const child = fork(new URL(`xds/${file}`, import.meta.url), args.map(String), {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      cleanup.defer(() => void child.kill('SIGKILL'));
      const death = once(child, 'exit').then(([code, signal]) => {
        throw new Error(`${file} ended with ${signal ?? code}`);
      });
      death.catch(() => undefined);
      deaths.push(death);
      return child;
    };
    const hear = async <T>(child: ChildProcess): Promise<T> =>
      (await Promise.race([once(child, 'message'), ...deaths]))[0] as T;
    const controlPlane = start('busy-control-plane.ts', [REPLICAS, GATEWAYS]);
    const told = async <K extends Told['kind']>(kind: K): Promise<Extract<Told, { kind: K }>> => {
      const heard = await hear<Told>(controlPlane);
      if (heard.kind !== kind) throw new Error(`the control plane says ${heard.kind}, not ${kind}`);
      return heard as Extract<Told, { kind: K }>;
    };
    const order = (what: Order): boolean => controlPlane.send(what);

    const { port } = await told('port');
    const changes = Math.round(Math.max(LEAST_SECONDS, seconds) * CHANGES_PER_SECOND),
      share = GATEWAYS / CLIENTS;
    const clients = Array.from({ length: CLIENTS }, (_, index) =>
      start('many-clients.ts', [port, index * share, share, REPLICAS, changes]),
    );
    const known = Promise.all(clients.map((client) => hear<Known>(client)));
    known.catch(() => undefined);
    const first = await told('settled');
    say(
      `all ${2 * GATEWAYS} streams have everything after ${round(first.ms / 1000)} s: ${round(first.cpuMs / 1000)} s of CPU, ${Math.round(first.residentMiB)} MiB`,
    );
    order({ kind: 'begin', changes, changesPerSecond: CHANGES_PER_SECOND });
    const { madeAt } = await told('changed');
    const knownAt = (await known).map((one) => one.knownAt);
    order({ kind: 'end' });
    const done = await told('done');
    const pushMs = madeAt
      .map((made, change) => Math.max(...knownAt.map((times) => times[change] ?? Number.NaN)) - made)
      .toSorted((a, b) => a - b);
    const at = (part: number): number => pushMs[Math.floor((pushMs.length - 1) * part)] ?? Number.NaN;
    const figures = {
      changes,
      firstPushSeconds: round(first.ms / 1000),
      firstPushMiB: Math.round(first.residentMiB),
      pushMsP50: at(0.5),
      pushMsP99: at(0.99),
      cpuPercentOfACore: round((done.cpuMs / done.ms) * 100),
      cpuMsPerChange: round(done.cpuMs / changes),
      mostMiB: Math.round(done.mostMiB),
    };
    say(table(['figure', 'measured'], Object.entries(figures)));
    return {
      objectives: [
        atMost(
          `ms until the last of ${CLIENTS} sidecars among ${2 * GATEWAYS} streams knows a change, p99`,
          MOST_PUSH_MS,
          figures.pushMsP99,
        ),
        atMost('MiB that the control plane holds at most', MOST_MIB, figures.mostMiB),
        exactly('refusals', 'none', done.refusals.slice(0, 3).join('; ') || 'none'),
      ],
      figures,
    };
  },
};
