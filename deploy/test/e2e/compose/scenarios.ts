import { setTimeout as pause } from 'node:timers/promises';
import type { Population } from '../../chaos/population.ts';
import type { Composition } from './composition.ts';
import { mustRun } from './run-docker.ts';

export interface Stage {
  composition: Composition;
  population: Population;
  /** Writes down the moment, then breaks something. */
  disturb(what: string, work: () => Promise<unknown>): Promise<void>;
  /** A session made now: is the mesh taking new ones? */
  openSession(): Promise<void>;
  say(text: string): void;
}

const one = async (composition: Composition, service: string): Promise<string> =>
  (await composition.containers(service))[0]!;

/** What happens to the composition under load, in this order. gateway-1 stays down until its alert has fired. */
export const SCENARIOS: ReadonlyArray<(stage: Stage) => Promise<void>> = [
  async ({ composition, disturb }) => {
    await disturb('stop gateway-1', () => composition.compose('stop', 'gateway-1-sidecar', 'gateway-1'));
    await pause(5000);
  },
  async ({ composition, disturb }) => {
    const edge = await one(composition, 'edge');
    await disturb('kill the primary edge', () => mustRun('docker', ['kill', edge]));
    await pause(8000);
    await composition.compose('up', '-d', '--no-deps', '--no-recreate', 'edge');
  },
  async ({ composition, disturb, openSession }) => {
    await disturb('stop Redis for 30 s', () => composition.compose('stop', '-t', '2', 'redis'));
    for (let second = 0; second < 30; second += 5) {
      await pause(5000);
      await openSession();
    }
    await composition.compose('start', 'redis');
    await pause(5000);
  },
  async ({ composition, disturb, openSession }) => {
    await disturb('kill control-plane-1', async () =>
      mustRun('docker', ['kill', await one(composition, 'control-plane-1')]),
    );
    await pause(8000);
    await openSession();
    await composition.compose('up', '-d', '--no-deps', '--no-recreate', 'control-plane-1');
    await composition.healthy();
  },
  async ({ composition, disturb, openSession }) => {
    for (const id of await composition.containers('linear-server')) {
      await disturb('recreate a replica of linear-server', async () => {
        await mustRun('docker', ['rm', '-f', '-v', ...(await stopped(id))]);
        await composition.compose('up', '-d', '--no-deps', '--no-recreate', 'linear-server');
      });
      await composition.healthy();
      // The new replica is found by DNS and probed before the next one goes.
      await pause(10_000);
      await openSession();
    }
  },
];

/** Recreates every gateway, one after the other, with its image built again. */
export async function rebuildGateways({ composition, disturb, openSession }: Stage): Promise<void> {
  for (const gateway of ['gateway-1', 'gateway-2', 'gateway-3']) {
    await disturb(`up -d --build ${gateway}`, () =>
      composition.compose('up', '-d', '--build', '--force-recreate', '--no-deps', gateway, `${gateway}-sidecar`),
    );
    await composition.healthy();
    await pause(5000);
    await openSession();
  }
}

async function stopped(id: string): Promise<[string]> {
  await mustRun('docker', ['stop', '-t', '10', id]);
  return [id];
}
