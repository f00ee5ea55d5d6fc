import type { Mesh } from '../mesh/start-mesh.ts';
import type { MeshOptions } from '../mesh/mesh-options.ts';
import type { Objective } from '../report/objectives.ts';
import type { Call } from './call-log.ts';
import type { Population, PopulationClient } from './population.ts';
import type { Disturbance } from './verdict.ts';

/** What a scenario has to work with. */
export interface Chaos {
  mesh: Mesh;
  population: Population;
  disturbances: Disturbance[];
  /** How long the scenario should go on, by the command line. */
  seconds: number;
  say(text: string): void;
  random(): number;
  /** Writes down the moment, then breaks something. */
  disturb(what: string, work: () => Promise<unknown> | unknown): Promise<void>;
  /** Opens a session of its own while things are broken; recorded as a call of kind `open`. */
  openSession(): Promise<PopulationClient | undefined>;
  /** Executions of unsafe calls by key, from the servers' ledger. */
  executions(): Map<string, number>;
}

export interface Scenario {
  name: string;
  description: string;
  /** What differs from two gateways, three replicas of `linear`, one Redis. */
  mesh?: MeshOptions;
  /** Starts what must be there before the mesh; its options go before `mesh`. */
  prepare?(): Promise<{ mesh: MeshOptions; close(): Promise<void> }>;
  sessions?: number;
  /** Breaks things while the population calls. */
  play(chaos: Chaos): Promise<void>;
  /** After the population has stopped. */
  judge(chaos: Chaos, calls: readonly Call[]): Objective[] | Promise<Objective[]>;
}
