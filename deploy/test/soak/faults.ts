import { setTimeout as pause } from 'node:timers/promises';
import type { ManagedProcess } from '../mesh/managed-process.ts';
import { hostsOf } from '../mesh/envoy-hosts.ts';
import type { Gateway } from '../mesh/start-gateway.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import type { Replica } from '../mesh/start-replica.ts';
import type { SentinelRedis } from '../mesh/start-redis.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { holdfast } from '../e2e/holdfast-command.ts';

export type FaultKind = 'replica' | 'gateway' | 'rollout' | 'redis';

/** How often each fault comes, in turns: a replica each turn, unless a rarer one is due. */
const EVERY_TURNS: readonly [FaultKind, number][] = [
  ['redis', 60],
  ['rollout', 30],
  ['gateway', 10],
];

/** The fault of a turn; turns count from 1. With turns of a minute: a gateway each ten minutes, a rollout each thirty, Redis each hour. */
export const faultOf = (turn: number): FaultKind =>
  EVERY_TURNS.find(([, every]) => turn % every === 0)?.[0] ?? 'replica';

/** What was broken, ms since the epoch. */
export interface Fault {
  kind: FaultKind;
  what: string;
  atMs: number;
  doneAtMs: number;
}

/** What breaks stays away for this long, at most half of a turn. */
const DOWN_MS = 3000;
const ROLLOUT = ['--strategy', 'blue-green', '--interval', '2s', '--step', '2s', '--min-sessions', '1'];

/** Breaks parts of a mesh in turn, and brings each back. */
export class Faults {
  readonly done: Fault[] = [];
  /** What was not whole again within a minute, in the words of who waited. */
  readonly notMended: string[] = [];
  readonly #mesh: Mesh;
  readonly #downMs: number;
  #isOnCanary = false;
  #replicas = 0;

  constructor(mesh: Mesh, turnMs: number) {
    this.#mesh = mesh;
    this.#downMs = Math.min(DOWN_MS, turnMs / 2);
  }

  async break(kind: FaultKind): Promise<void> {
    const fault = { replica: this.#replica, gateway: this.#gateway, rollout: this.#rollout, redis: this.#redis }[kind];
    try {
      await fault.call(this);
    } catch (error) {
      this.notMended.push(`${new Date().toISOString().slice(11, 19)} ${kind}: ${(error as Error).message}`);
    }
  }

  async #write(kind: FaultKind, what: string, work: () => Promise<unknown>): Promise<void> {
    const fault = { kind, what, atMs: Date.now(), doneAtMs: Date.now() };
    this.done.push(fault);
    await work();
    fault.doneAtMs = Date.now();
  }

  async #loseForAWhile(kind: FaultKind, name: string, part: { kill(): Promise<unknown>; start(): Promise<unknown> }) {
    await this.#write(kind, `SIGKILL ${name}`, () => part.kill());
    await pause(this.#downMs);
    await part.start();
  }

  async #replica(): Promise<void> {
    const { replicas } = this.#mesh;
    const victim = replicas[this.#replicas++ % replicas.length];
    if (victim === undefined) return;
    await this.#loseForAWhile('replica', victim.name, victim.process);
    await Promise.all(this.#mesh.gateways.map((gateway) => this.#knows(gateway, victim)));
  }

  /** A rollout makes a backend drain that was healthy, and the other way round. */
  async #knows({ name, envoy }: Gateway, { server, address, name: replica }: Replica): Promise<void> {
    await waitFor(
      async () =>
        ['HEALTHY', 'DRAINING'].includes((await hostsOf(envoy.adminUrl)).get(`mcp.${server}`)?.get(address) ?? ''),
      { what: `${name} takes ${replica} back`, everyMs: 100 },
    );
  }

  /** Always the last one: the others live as long as the run, so that their memory has a curve. */
  async #gateway(): Promise<void> {
    const victim = this.#mesh.gateways.at(-1);
    if (victim !== undefined) await this.#loseForAWhile('gateway', victim.name, victim);
  }

  /** All new sessions go to the canary, and at the next time back. */
  async #rollout(): Promise<void> {
    const { adminUrl } = this.#mesh.controlPlane;
    const command = this.#isOnCanary
      ? ['clear', 'linear']
      : ['start', 'linear', '--from', 'stable', '--to', 'canary', ...ROLLOUT, '--max-p99-ratio', '1000'];
    await this.#write('rollout', `rollout ${command[0]}`, async () => {
      if (this.#isOnCanary) await holdfast(adminUrl, 'rollout', 'abort', 'linear');
      const ran = await holdfast(adminUrl, 'rollout', ...command);
      if (ran.code !== 0) throw new Error(`holdfast rollout ${command.join(' ')}: ${ran.err}`);
    });
    this.#isOnCanary = !this.#isOnCanary;
  }

  async #redis(): Promise<void> {
    const redis = this.#mesh.redis as SentinelRedis;
    const port = await redis.primaryPort();
    const primary: ManagedProcess = port === redis.port ? redis.process : redis.replica.process;
    await this.#write('redis', `SIGKILL ${primary.name}`, () => primary.kill());
    await waitFor(async () => (await redis.primaryPort()) !== port, { what: 'the sentinels choose another primary' });
    await primary.start();
  }
}
