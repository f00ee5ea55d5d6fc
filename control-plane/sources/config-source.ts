import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { detach } from '../../proto/detach.ts';
import type { InternalErrors } from '../../proto/internal-errors.ts';
import type { Config } from '../config/config-schema.ts';
import type { ServerConfig } from '../config/server-schema.ts';
import { ConfigVersions } from '../config-versions/config-versions.ts';
import type { Stores } from '../wiring/stores.ts';
import type { Source, SourceEvents } from './source.ts';

export interface ConfigSourceOptions {
  config: Config;
  /** Servers may come from the Kubernetes cluster as well. */
  hasCluster: boolean;
  /** Of this process; named in each version that it accepts. */
  id: string;
  stores: Pick<Stores, 'state' | 'events'>;
  errors: InternalErrors;
  log: Pick<Logger, 'warn'>;
  now: () => number;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/** The configuration in force, and every version of it that was accepted. */
export class ConfigSource extends EventEmitter<SourceEvents> implements Source<{ config: Config }> {
  readonly versions: ConfigVersions;
  readonly #options: ConfigSourceOptions;
  /** What the file says. */
  #file: Config;
  #fromCluster: readonly ServerConfig[] | null = null;
  #current: Config;
  /** Text of the configuration that came last. */
  #newest = '';

  constructor(options: ConfigSourceOptions) {
    super();
    this.#options = options;
    this.#file = options.config;
    this.#current = options.config;
    this.versions = new ConfigVersions(options.stores.state, options.id, options.now);
  }

  /** The file, and the servers of the cluster. */
  get current(): Config {
    return this.#current;
  }

  /** The file alone. */
  get file(): Config {
    return this.#file;
  }

  /** Null until the cluster's servers are known, where there may be some. */
  part(): { config: Config } | null {
    const isWaiting = this.#options.hasCluster && this.#fromCluster === null;
    return isWaiting ? null : { config: this.#current };
  }

  /** These are the servers of the cluster from now on, beside those of the file. */
  addServers(servers: readonly ServerConfig[]): void {
    this.#fromCluster = servers;
    this.#apply(this.#file);
  }

  /** `next` is in force from now on. When something can't be made of it, the former one stays so. */
  configure(next: Config, text: string): void {
    const { errors } = this.#options;
    const before = this.#file;
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
    this.#file = next;
    // A name that the file has meanwhile is the file's.
    const names = new Set(next.servers.map(({ name }) => name));
    const others = this.#fromCluster?.filter(({ name }) => !names.has(name)) ?? [];
    this.#current = others.length === 0 ? next : { ...next, servers: [...next.servers, ...others] };
    this.emit('change');
  }

  /** Again and again where the store is away, as it may be when this process begins; until a newer one came. */
  async #keepVersion(text: string): Promise<void> {
    const { stores, log } = this.#options;
    this.#newest = text;
    for (let waitMs = FIRST_WAIT_MS; this.#newest === text; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      try {
        const { version, isNew } = await this.versions.accept(text);
        if (!isNew) return;
        const message = `configuration version ${version} is in force`;
        stores.events.append({ kind: 'config.accepted', subject: String(version), message });
        return;
      } catch (error) {
        const told = { error: (error as Error).message };
        log.warn(told, 'the configuration is in force, but could not be kept as a version yet');
      }
      await sleep(waitMs, undefined, { ref: false });
    }
  }
}
