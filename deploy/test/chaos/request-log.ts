import type { Fetch } from '../clients/mcp-client.ts';
import type { Call } from './call-log.ts';

/** One HTTP request of a session's client. Times are ms since the epoch; null: it did not come to that. */
interface Requested {
  startedAtMs: number;
  what: string;
  headersAtMs: number | null;
  endedAtMs: number | null;
  came: string;
}

const whatIs = (init: RequestInit | undefined): string => {
  const { method = 'GET', body } = init ?? {};
  const headers = new Headers(init?.headers);
  const rpc = typeof body === 'string' ? /"method":"([^"]*)"/.exec(body)?.[1] : undefined;
  return `${method}${rpc ? ` ${rpc}` : ''}${headers.has('last-event-id') ? ' resumed' : ''}`;
};

/** What the clients' HTTP requests came to, so that a slow call tells where its time went. */
export class RequestLog {
  readonly #bySession = new Map<number, Requested[]>();

  fetch(session: number, inner: Fetch = fetch): Fetch {
    const all = this.#of(session);
    return async (url, init) => {
      const request: Requested = {
        startedAtMs: Date.now(),
        what: whatIs(init),
        headersAtMs: null,
        endedAtMs: null,
        came: 'waits',
      };
      all.push(request);
      const ended = (came: string): void => {
        request.endedAtMs ??= Date.now();
        request.came = came;
      };
      try {
        const answer = await inner(url, init);
        request.headersAtMs = Date.now();
        request.came = `${answer.status}`;
        if (!answer.body) return answer;
        const watched = answer.body.pipeThrough(
          new TransformStream({
            flush: () => ended(`${answer.status}, ended`),
            cancel: () => ended(`${answer.status}, cut`),
          }),
        );
        return new Response(watched, answer);
      } catch (error) {
        ended(String(error));
        throw error;
      }
    };
  }

  /** The requests of a call's session that were under way during it. */
  during({ session, startedAtMs, endedAtMs }: Call): string[] {
    return this.#of(session)
      .filter((one) => one.startedAtMs <= endedAtMs && (one.endedAtMs ?? Number.POSITIVE_INFINITY) >= startedAtMs)
      .map(({ what, came, ...at }) => {
        const after = (ms: number | null): string => (ms === null ? '–' : `${ms - startedAtMs}`);
        return `${what}: ${after(at.startedAtMs)}, answered ${after(at.headersAtMs)}, over ${after(at.endedAtMs)} (${came})`;
      });
  }

  #of(session: number): Requested[] {
    const all = this.#bySession.get(session) ?? [];
    this.#bySession.set(session, all);
    return all;
  }
}
