import { LRUCache } from 'lru-cache';
import { REDIS } from './wire.ts';

const MOST = 1000;
const MOST_CHARACTERS = 8 << 20;

/** What compact records share, as it was read. A name is a digest of the text, so what it names never changes. */
export class SharedParts {
  readonly #get: (key: string) => Promise<string | null>;
  readonly #known = new LRUCache<string, string>({
    max: MOST,
    maxSize: MOST_CHARACTERS,
    sizeCalculation: (text) => text.length + 1,
  });

  constructor(get: (key: string) => Promise<string | null>) {
    this.#get = get;
  }

  /** Null: the store has it no more. */
  async find(server: string, name: string): Promise<string | null> {
    const key = REDIS.sharedPart(server, name),
      known = this.#known.get(key);
    if (known !== undefined) return known;
    const text = await this.#get(key);
    if (text !== null) this.#known.set(key, text);
    return text;
  }
}
