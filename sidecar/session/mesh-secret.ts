import { randomBytes } from 'node:crypto';
import { detach } from '../../proto/detach.ts';
import { REDIS } from '../../proto/wire.ts';
import { KeyedDigest } from '../principal/keyed-digest.ts';
import type { Clock } from './clock.ts';
import type { SessionStore } from './session-store.ts';

const SECRET_BYTES = 32;
/** How often the store is asked again: it may have been away, or emptied. */
const ASK_MS = 10_000;

/**
 * The secret that all processes of a mesh share. The first one makes it, and the store keeps it. Until the store
 * answers, this process has a secret of its own, so that nothing waits. It recognises what it named with that
 * afterwards; other nodes don't.
 */
export class MeshSecret {
  readonly digest: KeyedDigest;
  readonly #store: Pick<SessionStore, 'agreeOnSecret'>;
  readonly #onError: (error: unknown) => void;
  readonly #stop: () => void;
  #secret: string;

  constructor(
    store: Pick<SessionStore, 'agreeOnSecret'>,
    clock: Pick<Clock, 'every'>,
    onError: (error: unknown) => void,
    random: (bytes: number) => Buffer = randomBytes,
  ) {
    this.#store = store;
    this.#onError = onError;
    const own = random(SECRET_BYTES);
    this.#secret = own.toString('base64');
    this.digest = new KeyedDigest(own);
    this.#stop = clock.every(ASK_MS, () => detach(this.agree(), onError));
  }

  /** Asks the store once. Never rejects; with the store away everything stays as it is. */
  async agree(): Promise<void> {
    const shared = await this.#store.agreeOnSecret(this.#secret).catch(() => this.#secret);
    if (shared === this.#secret) return;
    const secret = Buffer.from(shared, 'base64');
    if (secret.length < SECRET_BYTES) return this.#onError(new Error(`${REDIS.secret} is too short: delete that key`));
    this.digest.adopt(secret);
    this.#secret = shared;
  }

  close(): void {
    this.#stop();
  }
}
