import * as z from 'zod';
import { REDIS } from '../../proto/wire.ts';
import type { SharedState } from '../lease/shared-state.ts';
import { configVersionSchema, withVersion, type ConfigVersion } from './config-version.ts';

const listSchema = z.array(configVersionSchema);

/** Every configuration that was accepted, in shared state. */
export class ConfigVersions {
  readonly #state: SharedState;
  readonly #node: string;
  readonly #now: () => number;

  constructor(state: SharedState, node: string, now: () => number = Date.now) {
    this.#state = state;
    this.#node = node;
    this.#now = now;
  }

  /** Oldest first. */
  async list(): Promise<readonly ConfigVersion[]> {
    return (await this.#read()).versions;
  }

  async get(version: number): Promise<ConfigVersion | undefined> {
    return (await this.list()).find((each) => each.version === version);
  }

  /** Keeps a configuration that was accepted. Several control planes that accept the same text make one version: for one of them it is new. */
  async accept(text: string): Promise<{ version: number; isNew: boolean }> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const { versions, revision } = await this.#read();
      const after = withVersion(versions, text, this.#node, this.#now());
      const version = after.at(-1)?.version ?? 0;
      if (after === versions) return { version, isNew: false };
      if ((await this.#state.write(REDIS.configVersions, after, revision, null)) === 'ok')
        return { version, isNew: true };
    }
    throw new Error('the list of versions changes too quickly');
  }

  async #read(): Promise<{ versions: readonly ConfigVersion[]; revision: number }> {
    const found = await this.#state.read(REDIS.configVersions);
    return { versions: found ? listSchema.parse(found.value) : [], revision: found?.revision ?? 0 };
  }
}
