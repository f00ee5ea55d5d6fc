import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import { detach } from '../../proto/detach.ts';
import type { InternalErrors } from '../../proto/internal-errors.ts';
import type { Config } from '../config/config-schema.ts';
import { ConfigVersions } from '../config-versions/config-versions.ts';
import type { Stores } from '../wiring/stores.ts';
import type { Source, SourceEvents } from './source.ts';

export interface ConfigSourceOptions {
  config: Config;
  /** Of this process; named in each version that it accepts. */
  id: string;
  stores: Pick<Stores, 'state' | 'events'>;
  errors: InternalErrors;
  log: Pick<Logger, 'warn'>;
  now: () => number;
}

/** The configuration in force, and every version of it that was accepted. */
export class ConfigSource extends EventEmitter<SourceEvents> implements Source<{ config: Config }> {
  readonly versions: ConfigVersions;
  readonly #options: ConfigSourceOptions;
  #current: Config;

  constructor(options: ConfigSourceOptions) {
    super();
    this.#options = options;
    this.#current = options.config;
    this.versions = new ConfigVersions(options.stores.state, options.id, options.now);
  }

  get current(): Config {
    return this.#current;
  }

  part(): { config: Config } {
    return { config: this.#current };
  }

  /** `next` is in force from now on. When something can't be made of it, the former one stays so. */
  configure(next: Config, text: string): void {
    const { errors } = this.#options;
    const before = this.#current;
    try {
      this.#apply(next);
    } catch (error) {
      errors.report('configure', error);
      this.#apply(before);
      this.refuse(['it could not be put in force; the control plane’s log says where']);
      return;
    }
    detach(this.#keepVersion(text), (error) => errors.report('config-versions', error));
  }

  /** The file is bad now; what was in force stays so. */
  refuse(problems: readonly string[]): void {
    this.#options.stores.events.append({
      kind: 'config.refused',
      level: 'error',
      message: `the changed configuration is bad, the last good one stays in force: ${problems.slice(0, 3).join(' ')}`,
      data: { problems },
    });
  }

  #apply(next: Config): void {
    this.#current = next;
    this.emit('change');
  }

  async #keepVersion(text: string): Promise<void> {
    const { stores, log } = this.#options;
    try {
      const { version, isNew } = await this.versions.accept(text);
      if (!isNew) return;
      const message = `configuration version ${version} is in force`;
      stores.events.append({ kind: 'config.accepted', subject: String(version), message });
    } catch (error) {
      log.warn(
        { error: (error as Error).message },
        'the configuration is in force, but could not be kept as a version',
      );
    }
  }
}
