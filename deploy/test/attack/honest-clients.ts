import { setTimeout as pause } from 'node:timers/promises';
import { callOf, INITIALIZE, type AttackMesh, type SendOptions, type ServerName } from './attack-mesh.ts';
import { messageOf, openStream, type Answer, type OpenAnswer } from './http-client.ts';

/** Where honest clients connect from. */
export const HONEST = '127.0.0.1';

/** What honest clients saw since the last look. */
export interface HonestReport {
  calls: number;
  /** One line for each call that failed. */
  failures: string[];
}

const VISITED: readonly (ServerName | 'linear')[] = [
  'linear',
  'plain',
  'streams',
  'off',
  'jwt',
  'jwtoff',
  'legacy',
  'modern',
];
const EVERY_MS = 150;
const HANG_MS = 10_000;

/** Sessions that are no part of any attack: one on every kind of server, and new ones now and then. Their calls must never fail. */
export class HonestClients {
  readonly #mesh: AttackMesh;
  readonly #loops: Promise<void>[] = [];
  readonly #streams: OpenAnswer[] = [];
  #isRunning = true;
  #calls = 0;
  #failures: string[] = [];

  constructor(mesh: AttackMesh) {
    this.#mesh = mesh;
  }

  async start(): Promise<void> {
    await Promise.all(
      VISITED.map(async (server, index) => {
        const visit = await this.#visit(server, index % 2);
        this.#loops.push(this.#loop(visit));
      }),
    );
    this.#loops.push(this.#newcomers());
  }

  /** Hands over what was seen, and starts again. */
  take(): HonestReport {
    const report = { calls: this.#calls, failures: this.#failures };
    this.#calls = 0;
    this.#failures = [];
    return report;
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#loops);
    for (const stream of this.#streams) stream.close();
  }

  async #loop(call: () => Promise<string | null>): Promise<void> {
    while (this.#isRunning) {
      const failure = await call();
      this.#calls++;
      if (failure !== null) this.#failures.push(failure);
      await pause(EVERY_MS);
    }
  }

  /** A client of one server: the function makes one call, and says what was wrong with its answer. */
  async #visit(server: ServerName | 'linear', gateway: number): Promise<() => Promise<string | null>> {
    const options = this.#options(server, gateway);
    if (server === 'legacy') return this.#httpSse(options);
    if (server === 'modern') return this.#modern(options);
    const session = await this.#mesh.session(server, options);
    let calls = 0;
    return async () => {
      const text = `${server}-${session}-${calls++}`;
      const answer = await this.#mesh.rpc(server, callOf('echo', { text }), { ...options, session });
      return problemOf(server, answer, text);
    };
  }

  #options(server: ServerName | 'linear', gateway: number): SendOptions {
    const token = server.startsWith('jwt') ? { token: this.#mesh.issuer.valid(`honest-${server}`) } : {};
    return { gateway, from: HONEST, timeoutMs: HANG_MS, ...token };
  }

  #modern(options: SendOptions): () => Promise<string | null> {
    let calls = 0;
    return async () => {
      const text = `modern-${calls++}`;
      const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
      return problemOf(
        'modern',
        await this.#mesh.rpc('modern', callOf('echo', { text }), { ...options, headers }),
        text,
      );
    };
  }

  async #httpSse(options: SendOptions): Promise<() => Promise<string | null>> {
    const url = new URL(this.#mesh.url('legacy', options.gateway ?? 0));
    const stream = await openStream(url.href, { from: HONEST });
    if (!stream) throw new Error('legacy: no stream');
    this.#streams.push(stream);
    const endpoint = await until(() => /data: (\S+)/.exec(stream.text)?.[1]);
    if (endpoint === undefined) throw new Error('legacy: no endpoint event');
    const { search } = new URL(endpoint, url);
    const post = (message: object): Promise<Answer> =>
      this.#mesh.rpc('legacy', message, { ...options, suffix: search });
    await post(INITIALIZE);
    let calls = 0;
    return async () => {
      const text = `legacy-${calls++}`;
      const answer = await post(callOf('echo', { text }, text));
      if (answer.status !== 202) return `legacy: POST was answered with ${said(answer)}`;
      const isAnswered = await until(() => stream.text.includes(`\\"${text}\\"`) || undefined);
      return isAnswered ? null : `legacy: no answer on the stream${stream.isEnded ? ', which ended' : ''}`;
    };
  }

  /** New sessions, one at a time, each with a call and its end. */
  async #newcomers(): Promise<void> {
    for (let turn = 0; this.#isRunning; turn++) {
      const server = (['plain', 'off', 'jwt'] as const)[turn % 3] ?? 'plain';
      const options = this.#options(server, turn % 2);
      const begun = await this.#mesh.rpc(server, INITIALIZE, options);
      const session = begun.headers['mcp-session-id'];
      this.#calls++;
      // What docs/limits.md says of a full store: nobody begins a session, and those that live go on.
      if (begun.status === 503 && begun.body.includes('limit: sessionStore.maxMemoryPercent')) await pause(EVERY_MS);
      else if (begun.status !== 200 || typeof session !== 'string')
        this.#failures.push(`${server}: a new session was answered with ${said(begun)}`);
      else await this.#mesh.send(server, { ...options, session, method: 'DELETE' });
      await pause(EVERY_MS * 4);
    }
  }
}

const said = (answer: Answer): string =>
  answer.isTimeout
    ? 'nothing in time'
    : `${answer.status || answer.cutBy} ${answer.body.slice(0, 160)} after ${Math.round(answer.tookMs)} ms`;

function problemOf(server: string, answer: Answer, text: string): string | null {
  if (
    answer.status === 200 &&
    answer.cutBy === undefined &&
    answer.body.includes(text) &&
    messageOf(answer)?.['result']
  )
    return null;
  return `${server}: a call was answered with ${said(answer)}`;
}

async function until<T>(look: () => T | undefined): Promise<T | undefined> {
  for (const endMs = performance.now() + HANG_MS; performance.now() < endMs; await pause(5)) {
    const found = look();
    if (found !== undefined) return found;
  }
  return undefined;
}
