import type { TopologyInputs } from '../topology/inputs.ts';
import type { Source } from './source.ts';

type Known<Keys extends keyof TopologyInputs> = Source<Pick<TopologyInputs, Keys>>;

export interface Sources {
  config: Known<'config'>;
  replicas: Known<'replicas' | 'health' | 'tools' | 'slots' | 'lostSlots'>;
  gateways: Known<'gateways' | 'trustDomain'>;
  breakers: Known<'openBreakers'>;
  operations: Known<'drains' | 'weights' | 'gatewaysOut'>;
}

/** Everything that the sources know, as one value. */
export class Inputs {
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** Null while one source has nothing to say: a gateway that was told of fewer replicas than there are would take their sessions for lost. */
  read(): TopologyInputs | null {
    const config = this.#sources.config.part();
    const replicas = this.#sources.replicas.part();
    const gateways = this.#sources.gateways.part();
    const breakers = this.#sources.breakers.part();
    const operations = this.#sources.operations.part();
    if (!config || !replicas || !gateways || !breakers || !operations) return null;
    return { ...config, ...replicas, ...gateways, ...breakers, ...operations };
  }

  onChange(listener: () => void): void {
    const { config, replicas, gateways, breakers, operations } = this.#sources;
    for (const source of [config, replicas, gateways, breakers, operations]) source.on('change', listener);
  }
}
