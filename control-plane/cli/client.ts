import { parseJson } from '../../proto/parse-json.ts';
import { request, type Dispatcher } from 'undici';
import { OPERATOR_HEADER } from '../admin/operator.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { AskPrometheus } from './prometheus-checks.ts';
import type { ClientSettings } from './settings.ts';

/** Longest wait for an answer; following events and waiting for a drain have none. */
const TIMEOUT_MS = 30_000;
const PROMETHEUS_TIMEOUT_MS = 10_000;

export const STREAM_ENDED = 'the control plane ended the stream; is it restarting?';

/** The admin API as commands use it. Every failure becomes a CliError with the right exit code. */
export class Client {
  readonly #settings: ClientSettings;

  constructor(settings: ClientSettings) {
    this.#settings = settings;
  }

  get origin(): string {
    return this.#settings.origin;
  }

  get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
    const wanted: Array<[string, string]> = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    return this.#json<T>('GET', wanted.length === 0 ? path : `${path}?${new URLSearchParams(wanted)}`);
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>('POST', path, body);
  }

  /** Lines of JSON as they come, until the other side ends or `signal` does. */
  async *lines<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
    const { body } = await this.#send('GET', path, undefined, signal);
    let pending = '';
    const decoder = new TextDecoder();
    try {
      for await (const piece of body as AsyncIterable<Uint8Array>) {
        const lines = (pending + decoder.decode(piece, { stream: true })).split('\n');
        pending = lines.pop() ?? '';
        for (const line of lines) yield this.#line<T>(line);
      }
    } catch (error) {
      if (signal.aborted || error instanceof CliError) throw error;
      throw new CliError(EXIT.unavailable, STREAM_ENDED);
    }
  }

  #line<T>(text: string): T {
    const value = parseJson(text);
    if (value === undefined) throw this.#notJson();
    return value as T;
  }

  #notJson(): CliError {
    return new CliError(
      EXIT.internal,
      `${this.origin} answered something that is not JSON: is it the control plane’s admin port?`,
    );
  }

  async #json<T>(method: 'GET' | 'POST', path: string, content?: unknown): Promise<T> {
    const { body } = await this.#send(method, path, content, AbortSignal.timeout(TIMEOUT_MS));
    try {
      return (await body.json()) as T;
    } catch {
      throw this.#notJson();
    }
  }

  async #send(
    method: 'GET' | 'POST',
    path: string,
    content: unknown,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const { origin, token, by } = this.#settings;
    let answer: Dispatcher.ResponseData;
    try {
      // No limit of undici's own between two pieces of a body: events may be hours apart.
      answer = await request(origin + path, {
        method,
        signal,
        bodyTimeout: 0,
        body: content === undefined ? null : JSON.stringify(content),
        headers: {
          ...(content !== undefined && {
            'content-type': 'application/json',
            [OPERATOR_HEADER]: encodeURIComponent(by),
          }),
          ...(token !== null && { authorization: `Bearer ${token}` }),
        },
      });
    } catch (error) {
      if ((error as Error).name === 'AbortError') throw error;
      const { code, name } = error as { code?: string; name: string };
      throw new CliError(
        EXIT.unavailable,
        `the control plane can’t be reached at ${origin} (${code ?? name}): is it running? Say where it is with --admin or HOLDFAST_ADMIN`,
      );
    }
    const { statusCode: status } = answer;
    if (status >= 200 && status < 300) return answer;
    const message =
      (await answer.body.json().then(
        (problem: unknown) => (problem as { error?: { message?: string } }).error?.message,
        () => undefined,
      )) ?? `${origin} answered HTTP ${status}: is it the control plane’s admin port?`;
    throw new CliError(
      exitCodeOf(status),
      status === 401 ? `${message} (--token-file or HOLDFAST_TOKEN_FILE)` : message,
    );
  }
}

function exitCodeOf(status: number): number {
  if (status === 401 || status === 403) return EXIT.noPermission;
  if (status === 503) return EXIT.unavailable;
  return status >= 500 ? EXIT.internal : EXIT.refused;
}

/** Instant queries to a Prometheus (HTTP API v1). Rejects with what was wrong, in words. */
export const askPrometheus =
  (url: string): AskPrometheus =>
  async (query) => {
    const { statusCode, body } = await request(`${url.replace(/\/+$/, '')}/api/v1/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ query }).toString(),
      signal: AbortSignal.timeout(PROMETHEUS_TIMEOUT_MS),
    }).catch((error: Error & { code?: string }) => {
      throw new Error(error.code ?? error.message);
    });
    const answer = (await body.json().catch(() => null)) as {
      status?: string;
      error?: string;
      data?: { result?: { metric: Record<string, string>; value: [number, string] }[] };
    } | null;
    if (statusCode !== 200 || answer?.status !== 'success')
      throw new Error(answer?.error ?? `HTTP ${statusCode}: is it a Prometheus?`);
    return (answer.data?.result ?? []).map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  };
