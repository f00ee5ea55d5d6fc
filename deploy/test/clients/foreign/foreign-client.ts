import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Heard, HeardError, LineClient } from './line-client.ts';

/** Longer than any timeout that the client itself was given. */
const GRACE_MS = 15_000;
/** At a load of 28 Python took 40 s to import FastMCP, which is no time of the client's. */
const START_MS = 90_000;

export interface ForeignOptions {
  url: string;
  timeoutSeconds: number;
  /** The redirect URL of a user who logs in wherever the server asks for it; without one the client can't log in. */
  oauth?: string;
  env?: NodeJS.ProcessEnv;
}

/** A foreign client's process. Each command is answered once: by the client, or by `ClientEnded` when its process or its session is over. */
export class ForeignClient implements LineClient {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (heard: Heard) => void>();
  readonly #timeoutSeconds: number;
  #lastId = 0;
  #ended: HeardError | null = null;
  #stderr = '';

  private constructor(
    started: { command: string; args: string[] },
    timeoutSeconds: number,
    env: NodeJS.ProcessEnv = {},
  ) {
    this.#timeoutSeconds = timeoutSeconds;
    this.#process = spawn(started.command, started.args, { stdio: 'pipe', env: { ...process.env, ...env } });
    this.#process.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-2000);
    });
    this.#process.once('error', (error) => this.#end(error.message));
    this.#process.once('exit', () => this.#end(this.#stderr || 'the process ended'));
    this.#process.stdin.on('error', () => {}); // 'exit' follows.
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#hear(line));
  }

  /** Throws when the client can't connect. */
  static async connect(
    started: { command: string; args: string[] },
    { url, timeoutSeconds, oauth, env }: ForeignOptions,
  ): Promise<ForeignClient> {
    const client = new ForeignClient(started, timeoutSeconds, env);
    const heard = await client.#send({ do: 'connect', url, timeoutSeconds, oauth }, START_MS);
    if ('error' in heard) {
      await client.close();
      throw new Error(`${started.command} ${started.args.join(' ')} does not connect: ${JSON.stringify(heard.error)}`);
    }
    return client;
  }

  call(tool: string, args: Record<string, unknown> = {}): Promise<Heard> {
    return this.#send({ do: 'call', tool, arguments: args });
  }

  tools(): Promise<Heard> {
    return this.#send({ do: 'tools' });
  }

  /** Its access token is over: the next call refreshes it. */
  expire(): Promise<Heard> {
    return this.#send({ do: 'expire' });
  }

  /** How often its user was asked to log in. */
  visits(): Promise<Heard> {
    return this.#send({ do: 'visits' });
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null || this.#process.pid === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#process.once('exit', () => resolve());
    this.#process.kill('SIGKILL');
    await promise;
  }

  #send(command: object, graceMs = GRACE_MS): Promise<Heard> {
    if (this.#ended !== null) return Promise.resolve({ error: this.#ended });
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Heard>();
    const timer = setTimeout(
      () => {
        this.#waiting.delete(id);
        resolve({
          error: { type: 'Hang', code: null, message: 'not even the client’s own timeout ended it', data: null },
        });
      },
      this.#timeoutSeconds * 1000 + graceMs,
    );
    this.#waiting.set(id, (heard) => {
      clearTimeout(timer);
      resolve(heard);
    });
    this.#process.stdin.write(`${JSON.stringify({ id, ...command })}\n`);
    return promise;
  }

  #hear(line: string): void {
    const answer = JSON.parse(line) as { id: number | null } & Heard;
    if (answer.id === null) {
      this.#end('error' in answer ? `${answer.error.type}: ${answer.error.message}` : 'the session ended');
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    waiting?.('error' in answer ? { error: answer.error } : { result: answer.result });
  }

  #end(message: string): void {
    this.#ended ??= { type: 'ClientEnded', code: null, message, data: null };
    for (const waiting of this.#waiting.values()) waiting({ error: this.#ended });
    this.#waiting.clear();
  }
}
