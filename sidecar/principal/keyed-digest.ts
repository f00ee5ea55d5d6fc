import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { seal, unseal } from './keyed-seal.ts';

/** Secrets that were in force before and still name what was written with them. */
const MAX_FORMER = 2;

/**
 * Digests that only processes of this mesh can make: HMAC-SHA256 with the mesh's secret, as hex. Who reads the store can't guess subjects or tokens
 * from them.
 */
export class KeyedDigest {
  #current: KeyObject;
  #former: KeyObject[] = [];

  constructor(secret: Buffer) {
    this.#current = createSecretKey(secret);
  }

  /** Takes another secret. What the one before has named is still recognised. */
  adopt(secret: Buffer): void {
    const next = createSecretKey(secret);
    if (next.equals(this.#current)) return;
    this.#former = [this.#current, ...this.#former].slice(0, MAX_FORMER);
    this.#current = next;
  }

  of(parts: readonly string[]): string {
    return digest(this.#current, parts);
  }

  /** Whether `known` (hex) is the digest of these parts. */
  matches(known: string, parts: readonly string[]): boolean {
    return isEqual(known, this.of(parts)) || this.#former.some((key) => isEqual(known, digest(key, parts)));
  }

  /** A few characters that tell what this mesh made from what another one made. They are no secret. */
  get mark(): string {
    return markOf(this.#current);
  }

  /** Whether it is, or was, this mesh's mark. */
  isOwnMark(mark: string): boolean {
    return [this.#current, ...this.#former].some((key) => markOf(key) === mark);
  }

  /** Text that only processes of this mesh can read. `about`: the one thing that it is valid for. */
  seal(text: string, about: string): string {
    return seal(this.#current, text, about);
  }

  /** Null: nobody of this mesh sealed it about this. */
  unseal(sealed: string, about: string): string | null {
    for (const secret of [this.#current, ...this.#former]) {
      const text = unseal(secret, sealed, about);
      if (text !== null) return text;
    }
    return null;
  }
}

/** As JSON, so that the parts can't run into each other. */
const digest = (key: KeyObject, parts: readonly string[]): string =>
  createHmac('sha256', key).update(JSON.stringify(parts)).digest('hex');

const markOf = (key: KeyObject): string => digest(key, ['mark']).slice(0, 8);

const isEqual = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'));
