import type { Logger } from 'pino';
import { detach } from '../../proto/detach.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';

type Client = Pick<RedisClient, 'status' | 'ping'> & {
  on(event: 'ready' | 'error', listener: (error: Error) => void): unknown;
};

/**
 * Why Redis has never answered, from the first connection on. Null once it has answered, for the rest of the process.
 * A node that never reached Redis would take sessions that nobody can rebuild. So a wrong URL must show when the node
 * starts, not when it is replaced.
 */
export class FirstAnswer {
  readonly #log: Pick<Logger, 'warn' | 'info'>;
  #cause = 'it has not answered yet';
  #hasAnswered = false;

  constructor(client: Client, log: Pick<Logger, 'warn' | 'info'>) {
    this.#log = log;
    client.on('error', (error) => this.#failed(error));
    const ask = (): void =>
      detach(
        client.ping().then(() => {
          this.#hasAnswered = true;
        }),
        (error) => this.#failed(error),
      );
    client.on('ready', () => {
      if (!this.#hasAnswered) ask();
    });
    if (client.status === 'ready') ask();
  }

  get problem(): string | null {
    return this.#hasAnswered ? null : `Redis (SESSION_STORE_URL) was never reached: ${this.#cause}`;
  }

  /** Logged once for each cause: the client tries again every second. */
  #failed(error: unknown): void {
    const { message, code } = error as NodeJS.ErrnoException;
    const cause = message || code || String(error);
    if (this.#hasAnswered || cause === this.#cause) return;
    this.#cause = cause;
    this.#log.warn({ cause }, 'Redis was never reached; this node is not ready until it answers once');
  }
}
