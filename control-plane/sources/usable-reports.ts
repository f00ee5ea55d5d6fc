import type { Logger } from 'pino';
import type { Config } from '../config/config-schema.ts';
import type { SourceReport } from '../discovery/source.ts';
import type { GatewayNode } from '../topology/topology.ts';
import { withoutGateways } from './without-gateways.ts';

export interface UsableReportsOptions {
  found: () => ReadonlyMap<string, SourceReport>;
  config: () => Config;
  gateways: () => readonly GatewayNode[];
  log: Pick<Logger, 'warn'>;
}

/** What the sources know, without nodes of the mesh itself. Nodes come and go, and so does what is refused. */
export class UsableReports {
  readonly #options: UsableReportsOptions;
  #refused = '[]';

  constructor(options: UsableReportsOptions) {
    this.#options = options;
  }

  current(found = this.#options.found()): ReadonlyMap<string, SourceReport> {
    const { config, gateways } = this.#options;
    return withoutGateways(found, config(), gateways());
  }

  /** Whether others are refused than at the last call. */
  haveChanged(): boolean {
    const found = this.#options.found();
    const refused = [...this.current(found)].filter(([name, report]) => report !== found.get(name));
    const before = this.#refused;
    this.#refused = JSON.stringify(refused.map(([name, { replicas }]) => [name, replicas]));
    if (before === this.#refused) return false;
    for (const [backend, { problem }] of refused) this.#options.log.warn({ backend, problem }, 'replicas are refused');
    return true;
  }
}
