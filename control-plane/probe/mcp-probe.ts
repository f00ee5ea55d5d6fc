import type { Era, Observation } from './observation.ts';
import { type ProbeWire, sessionHeaders, type Exchange } from './probe-wire.ts';
import type { ProbeSettings } from './probe-settings.ts';
import type { ToolDescription } from './tool-description.ts';

type Seen = Observation extends infer Each
  ? Each extends { durationMs: number }
    ? Omit<Each, 'durationMs'>
    : never
  : never;

/**
 * Probes one replica in MCP. It keeps one session open and pings it. A replica that no longer knows the session is
 * another incarnation. From time to time it opens a new session, lists the tools and ends the old one. So it holds one
 * session at most, and two for a moment.
 */
export class McpProbe {
  readonly #wire: ProbeWire;
  readonly #settings: ProbeSettings;
  #eras: readonly Era[] | null = null;
  /** Headers of the open session; null when the replica gives none. */
  #session: Record<string, string> | null = null;
  /** The replica refuses DELETE (405): its one session is kept instead of being renewed, or each renewal would leave one behind. */
  #keepsSessions = false;
  /** The last initialize was not answered in time. */
  #isUnanswered = false;
  /** The replica takes no POST but has an event stream with an endpoint: it speaks HTTP+SSE (2024-11-05) alone. */
  #isHttpSse = false;

  constructor(wire: ProbeWire, settings: ProbeSettings) {
    this.#wire = wire;
    this.#settings = settings;
  }

  async run(isFull: boolean, signal: AbortSignal): Promise<Seen> {
    if (this.#session) {
      // A session is there, so the replica is up: it need not be given the time of an initialize.
      const soon = AbortSignal.any([signal, AbortSignal.timeout(this.#settings.timeoutMs)]);
      const ping = await this.#wire.ping(this.#session, soon);
      if (isUnknownSession(ping)) {
        this.forget();
        const seen = await this.#full(signal);
        return seen.kind === 'answered' || seen.kind === 'wrong' ? { ...seen, session: 'lost' } : seen;
      }
      if (!ping.answer?.result) return wrong(`ping: ${said(ping)}`, 'same');
      if (!isFull) return { kind: 'answered', eras: this.#eras ?? [], session: 'same', tools: null, note: null };
    }
    return isFull || this.#eras === null ? this.#full(signal) : this.#quick(this.#eras, signal);
  }

  /** Ends the probe's session on the replica. */
  async end(signal: AbortSignal): Promise<void> {
    const session = this.#session;
    this.forget();
    if (session) await this.#wire.end(session, signal);
  }

  /** The replica is gone, and the session with it. */
  forget(): void {
    this.#session = null;
    this.#eras = null;
  }

  async #quick(eras: readonly Era[], signal: AbortSignal): Promise<Seen> {
    if (this.#isHttpSse) return this.#viaHttpSse(signal);
    const isModern = eras.includes('modern');
    const exchange = isModern ? await this.#wire.discover(signal) : await this.#wire.ping({}, signal);
    // A stateless legacy server may not take a ping out of the blue; that it answers in JSON-RPC shows that it lives.
    if (exchange.answer?.result || (!isModern && exchange.answer?.error && exchange.status < 500))
      return { kind: 'answered', eras, session: 'none', tools: null, note: null };
    if (exchange.status === 401 || exchange.status === 403) return wantsAuthorization(eras);
    return wrong(`${isModern ? 'server/discover' : 'ping'}: ${said(exchange)}`, 'none');
  }

  async #full(signal: AbortSignal): Promise<Seen> {
    const { era } = this.#settings;
    const eras: Era[] = [];
    let tools: ToolDescription[] | string = [];
    const asksModern = era === 'modern' || (era === 'auto' && (this.#eras === null || this.#eras.includes('modern')));
    if (asksModern) {
      const discovered = await this.#wire.discover(signal);
      if (discovered.answer?.result) {
        eras.push('modern');
        tools = await this.#wire.tools('modern', signal);
      } else if (discovered.status === 401 || discovered.status === 403) return wantsAuthorization([]);
      else if (era === 'modern') return wrong(`server/discover: ${said(discovered)}`, 'none');
    }
    if (era !== 'modern' && (this.#eras === null || this.#eras.includes('legacy'))) {
      const opened = await this.#open(signal);
      if (Array.isArray(opened)) {
        eras.push('legacy');
        tools = opened;
      } else if (opened.kind === 'answered' || eras.length === 0) return opened;
    }
    this.#eras = eras;
    return this.#judge(eras, tools);
  }

  /** initialize, initialized, tools/list on a new session; then the old one is ended. */
  async #open(signal: AbortSignal): Promise<ToolDescription[] | Seen> {
    const former = this.#session;
    if (former && this.#keepsSessions) return this.#listed(former, signal);
    const begun = await this.#begin(signal);
    if (begun.status === 401 || begun.status === 403) return wantsAuthorization([]);
    this.#isHttpSse = !former && NO_POST.has(begun.status) && (await this.#wire.hasEndpoint(signal));
    if (this.#isHttpSse) return this.#viaHttpSse(signal, true);
    const version = begun.answer?.result?.['protocolVersion'];
    if (typeof version !== 'string') return wrong(`initialize: ${said(begun)}`, former ? 'same' : 'none');
    const headers = sessionHeaders(begun.sessionId, version);
    // Held from here on, so that it is ended whatever happens to the next two requests.
    this.#session = begun.sessionId === null ? null : headers;
    if (former) await this.#endFormer(former, signal);
    await this.#wire.initialized(headers, signal);
    return this.#listed(headers, signal);
  }

  /** Each initialize may become a session, so a replica that left the last one unanswered first shows that it answers at all. */
  async #begin(signal: AbortSignal): Promise<Exchange> {
    if (this.#isUnanswered) await this.#wire.ping({}, signal);
    this.#isUnanswered = true;
    const begun = await this.#wire.initialize(signal);
    this.#isUnanswered = false;
    return begun;
  }

  async #listed(headers: Record<string, string>, signal: AbortSignal): Promise<ToolDescription[] | Seen> {
    const listed = await this.#wire.tools(headers, signal);
    // A server without tools answers -32601, which is as good as an empty list.
    if (typeof listed === 'string')
      return this.#settings.expectedTools.length === 0
        ? []
        : wrong(`tools/list: ${listed}`, this.#session ? 'same' : 'none');
    return listed;
  }

  /** An `endpoint` event is all that is asked for: each stream is a session on the replica, and ends with it. */
  async #viaHttpSse(signal: AbortSignal, isSeen = false): Promise<Seen> {
    if (!isSeen && !(await this.#wire.hasEndpoint(signal))) {
      this.forget();
      return wrong('GET: no `endpoint` event', 'none');
    }
    this.#eras = ['legacy'];
    return { kind: 'answered', eras: ['legacy'], session: 'none', tools: null, note: HTTP_SSE };
  }

  async #endFormer(session: Record<string, string>, signal: AbortSignal): Promise<void> {
    const status = await this.#wire.end(session, signal);
    this.#keepsSessions = status === 405 || status === 501;
  }

  #judge(eras: readonly Era[], tools: ToolDescription[] | string): Seen {
    const session = this.#session ? 'same' : 'none';
    if (typeof tools === 'string') return wrong(`tools/list: ${tools}`, session);
    const names = new Set(tools.map((each) => each.name));
    const missing = this.#settings.expectedTools.filter((name) => !names.has(name));
    if (missing.length > 0) return wrong(`tools/list does not name ${missing.join(', ')}`, session);
    return { kind: 'answered', eras, session, tools, note: null };
  }
}

/** What servers answer to a POST that they do not know. */
const NO_POST = new Set([404, 405, 501]);
const HTTP_SSE = 'speaks HTTP+SSE alone, so its tools are not listed';

const wrong = (detail: string, session: 'same' | 'lost' | 'none'): Seen => ({ kind: 'wrong', detail, session });

const wantsAuthorization = (eras: readonly Era[]): Seen => ({
  kind: 'answered',
  eras,
  session: 'none',
  tools: null,
  note: 'asks for authorization, so only that it answers is known; `probe.tokenFile` lets probes see more',
});

const said = ({ status, answer }: Exchange): string =>
  HOST_REFUSED.has(status)
    ? `HTTP ${status} to the probe’s Host: set hostOverride to one that the server takes, or allowedHosts to those that clients use`
    : answered(status, answer);

/** Servers that check Host against DNS rebinding answer so. */
const HOST_REFUSED = new Set([421]);

const answered = (status: number, answer: Exchange['answer']): string =>
  answer?.error ? `error ${answer.error.code} ${answer.error.message} (HTTP ${status})` : `HTTP ${status}`;

/** 404, or 400 with words of sessions, as older servers say it. */
function isUnknownSession({ status, answer }: Exchange): boolean {
  return (
    status === 404 ||
    (status === 400 && /session|initialized/i.test(answer?.error?.message ?? '')) ||
    answer?.error?.code === -32001
  );
}
