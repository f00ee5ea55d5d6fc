import { foreignSession } from '../../clients/own-session.ts';
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { callOf, INITIALIZE } from '../attack-mesh.ts';
import { MCP_HEADERS } from '../http-client.ts';

export interface LoadFigures {
  calls: number;
  failed: number;
  /** What the first failed call was answered with. */
  firstFailure: string | null;
  p50Ms: number;
  p99Ms: number;
}

/** Before anything is measured: code that has not run yet is slow. */
export const WARM_SECONDS = 5;
const HANG_MS = 15_000;
const MOST_LONGER_MS = 30_000;

/** Sessions that each make a call in steady turns, over connections that are kept. */
export class HonestLoad {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  readonly #sessions: { url: string; session: string }[] = [];

  /** Opens `count` sessions, in turn through each of the URLs. */
  async open(urls: readonly string[], count: number): Promise<void> {
    let next = 0;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (next < count) {
          const url = urls[next++ % urls.length] ?? '';
          const { status, session } = await this.#post(url, INITIALIZE);
          if (status !== 200 || session === undefined) throw new Error(`initialize was answered with ${status}`);
          await this.#post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, session);
          this.#sessions.push({ url, session });
        }
      }),
    );
  }

  /** Calls of every session for so long, each every `everyMs` on average; and then until `isOver`, at most for `MOST_LONGER_MS`. */
  async run(seconds: number, everyMs: number, isOver: () => boolean = () => true): Promise<LoadFigures> {
    const endMs = performance.now() + seconds * 1000;
    const goesOn = (): boolean => {
      const leftMs = endMs - performance.now();
      return leftMs > 0 || (leftMs > -MOST_LONGER_MS && !isOver());
    };
    const tookMs: number[] = [];
    let failed = 0;
    let firstFailure: string | null = null;
    await Promise.all(
      this.#sessions.map(async ({ url, session }, index) => {
        await pause((index / this.#sessions.length) * everyMs);
        while (goesOn()) {
          const text = `${index}-${tookMs.length}`;
          const startedMs = performance.now();
          const { status, body } = await this.#post(url, callOf('echo', { text }), session);
          tookMs.push(performance.now() - startedMs);
          if (status !== 200 || !body.includes(text)) {
            failed++;
            firstFailure ??= `${status} ${body.slice(0, 200)}`;
          }
          await pause(Math.max(0, everyMs - (performance.now() - startedMs)));
        }
      }),
    );
    tookMs.sort((a, b) => a - b);
    const at = (share: number): number => tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? 0;
    return { calls: tookMs.length, failed, firstFailure, p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(url: string, message: object, session?: string): Promise<{ status: number; session?: string; body: string }> {
    const text = JSON.stringify(message);
    return new Promise((resolve) => {
      const sent = request(url, {
        method: 'POST',
        agent: this.#agent,
        timeout: HANG_MS,
        headers: {
          ...MCP_HEADERS,
          'content-length': Buffer.byteLength(text),
          ...(session !== undefined && { 'mcp-session-id': session }),
        },
      });
      const fail = (why: string): void => resolve({ status: 0, body: why });
      sent.once('timeout', () => {
        sent.destroy();
        fail(`no answer within ${HANG_MS} ms`);
      });
      sent.once('error', (error) => fail(error.message));
      sent.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).once('error', (error) => fail(error.message));
        response.once('end', () => {
          const given = response.headers['mcp-session-id'];
          const body = Buffer.concat(chunks).toString('utf8');
          const wrong = foreignSession(session, given);
          if (wrong !== null) return fail(wrong);
          resolve({ status: response.statusCode ?? 0, body, ...(typeof given === 'string' && { session: given }) });
        });
      });
      sent.end(text);
    });
  }
}
