import { setTimeout as pause } from 'node:timers/promises';
import { resultOfError, type Call } from './call-log.ts';

/** What a scenario needs of an MCP client; deploy/test/clients has one for each official SDK. */
export interface PopulationClient {
  callTool(name: string, args: Record<string, unknown>, options: { timeoutMs: number }): Promise<unknown>;
  close(): Promise<void>;
}

export interface PopulationOptions {
  size: number;
  /** Each session makes a call this often on average. */
  everyMs: number;
  /** A call without an answer for this long is counted as a hang. */
  hangMs: number;
  /** Share of calls that are unsafe (`charge`, counted by key on the server). */
  unsafeShare: number;
  /** Share of calls that take a while on the server, so that a kill meets some of them in flight. */
  slowShare: number;
  /** How long those take. Default 600. */
  slowMs?: number;
  connect(session: number): Promise<PopulationClient>;
  random: () => number;
  now: () => number;
  /** Before the key of each unsafe call, where several populations share a ledger. */
  keyPrefix?: string;
}

/** Sessions of official clients, each calling at a steady rate, every call written down. */
export class Population {
  readonly calls: Call[] = [];
  readonly #options: PopulationOptions;
  readonly #clients: PopulationClient[] = [];
  #loops: Promise<void>[] = [];
  #isRunning = false;
  #keys = 0;

  constructor(options: PopulationOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }
  #inFlight = 0;

  /** Opens every session, eight at a time. Failures are recorded as calls of kind `open`, and throw nothing. */
  async open(): Promise<void> {
    let next = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (next < this.#options.size) {
          const session = next++;
          const client = await this.openOne(session);
          if (client) this.#clients[session] = client;
        }
      }),
    );
  }

  /** Opens one more session outside the population's loop: is the mesh taking new sessions now? */
  async openOne(session: number): Promise<PopulationClient | undefined> {
    let client: PopulationClient | undefined;
    await this.#record({ session, kind: 'open', tool: 'initialize', key: null }, async () => {
      client = await this.#options.connect(session);
    });
    return client;
  }

  start(): void {
    this.#isRunning = true;
    this.#loops = this.#clients.map((client, session) => this.#loop(client, session));
  }

  /** Waits for the calls in flight, lets every session make a last one, which shows whether it still lives, then closes all. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#loops);
    const sessions = this.#clients.map((client, session) => [client, session] as const);
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let next = sessions.pop(); next; next = sessions.pop()) {
          const [client, session] = next;
          await this.#record({ session, kind: 'last', tool: 'whoami', key: null }, () =>
            client.callTool('whoami', {}, { timeoutMs: this.#options.hangMs }),
          );
        }
      }),
    );
    await Promise.all(this.#clients.map((client) => client.close().catch(() => undefined)));
  }

  async #loop(client: PopulationClient, session: number): Promise<void> {
    const { everyMs, random } = this.#options;
    await pause(random() * everyMs);
    while (this.#isRunning) {
      await this.callOnce(client, session);
      await pause(everyMs * (0.5 + random()));
    }
  }

  async callOnce(client: PopulationClient, session: number): Promise<Call> {
    const { random, unsafeShare, slowShare, slowMs = 600, hangMs, keyPrefix = '' } = this.#options;
    const isUnsafe = random() < unsafeShare;
    const isSlow = random() < slowShare;
    const key = isUnsafe ? `${keyPrefix}${session}-${this.#keys++}` : null;
    const [tool, args] = key
      ? (['charge', { key, ...(isSlow ? { beforeMs: slowMs / 2, afterMs: slowMs / 2 } : {}) }] as const)
      : isSlow
        ? (['wait', { durationMs: slowMs }] as const)
        : (['whoami', {}] as const);
    return this.#record({ session, kind: isUnsafe ? 'unsafe' : 'safe', tool, key }, () =>
      client.callTool(tool, args, { timeoutMs: hangMs }),
    );
  }

  async #record(what: Pick<Call, 'session' | 'kind' | 'tool' | 'key'>, work: () => Promise<unknown>): Promise<Call> {
    const startedAtMs = this.#options.now();
    let result: Call['result'] = { kind: 'answered' };
    this.#inFlight++;
    try {
      await work();
    } catch (error) {
      result = resultOfError(error);
    }
    this.#inFlight--;
    const call: Call = { ...what, startedAtMs, endedAtMs: this.#options.now(), result };
    this.calls.push(call);
    return call;
  }
}
