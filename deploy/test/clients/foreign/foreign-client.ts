import { createInterface } from 'node:readline';
import { type ClientProgram, spawnProgram } from './client-program.ts';
import { ForkServer } from './fork-server.ts';
import type { StartedAs } from './install.ts';
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
  readonly #program: ClientProgram;
  readonly #waiting = new Map<number, (heard: Heard) => void>();
  readonly #timeoutSeconds: number;
  #lastId = 0;
  #ended: HeardError | null = null;

  private constructor(program: ClientProgram, timeoutSeconds: number) {
    this.#timeoutSeconds = timeoutSeconds;
    this.#program = program;
    program.onEnd((why) => this.#end(why));
    program.input.on('error', () => {}); // The end follows.
    createInterface({ input: program.output }).on('line', (line) => this.#hear(line));
  }

  /** Throws when the client can't connect. */
  static async connect(
    started: StartedAs | ForkServer,
    { url, timeoutSeconds, oauth, env }: ForeignOptions,
  ): Promise<ForeignClient> {
    const program = started instanceof ForkServer ? await started.fork() : spawnProgram(started, env);
    const client = new ForeignClient(program, timeoutSeconds);
    const heard = await client.#send({ do: 'connect', url, timeoutSeconds, oauth }, START_MS);
    if ('error' in heard) {
      await client.close();
      throw new Error(`it does not connect: ${JSON.stringify(heard.error)}`);
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

  close(): Promise<void> {
    return this.#program.kill();
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
    this.#program.input.write(`${JSON.stringify({ id, ...command })}\n`);
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
