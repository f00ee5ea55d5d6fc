import { setTimeout as sleep } from 'node:timers/promises';
import { ownSessionFetch } from '../../clients/own-session.ts';
import { modernPost } from '../../../../sidecar/relay/testing/modern-rig.ts';
import { RigFleet, type RelayRig } from '../../../../sidecar/relay/testing/relay-rig.ts';
import { FaultPlan, FaultyReplica, type Fault } from './faulty-replica.ts';

/**
 * A call without a sign of life has its error after this long. It is short where the deadline must end it, and else so
 * long that a lack of CPU does not.
 */
const CALL_MS = { byDeadline: 3000, otherwise: 12_000 };
const RECOVERY_MS = 3000;
/** Later than this nothing comes any more, on a machine however busy. */
const HANG_MS = 20_000;

const fetchOwn = ownSessionFetch(fetch, 'relay');

/** What a client of the run holds in its hands. */
export interface Answer {
  status: number;
  session: string | null;
  message: { result?: Record<string, unknown>; error?: { code: number; data?: { attempts?: number } } } | null;
}

/** Two gateways and three replicas, of which one is going to fail. */
export class FaultRun {
  readonly plan = new FaultPlan();
  readonly replicas = ['a', 'b', 'c'].map((name) => new FaultyReplica(name, this.plan));
  readonly partition = { isCut: false };
  readonly #leaving = new AbortController();
  #gateways: RelayRig[] = [];

  /** `isByDeadline`: only a deadline tells a client of what the run is going to break. Without budget nothing is sent again. */
  async start(isByDeadline: boolean, hasBudget = true): Promise<void> {
    const ports = await Promise.all(this.replicas.map((replica) => replica.listen()));
    const timeouts = {
      callMs: CALL_MS[isByDeadline ? 'byDeadline' : 'otherwise'],
      connectMs: 500,
      recoveryMs: RECOVERY_MS,
      initializeMs: 5000,
    };
    const retryBudget = { percent: 0, floor: 0 };
    const fleet = new RigFleet(ports, { trustAnnotations: true, timeouts, ...(!hasBudget && { retryBudget }) });
    this.#gateways = [await fleet.gateway('gateway-1', this.partition), await fleet.gateway('gateway-2')];
    fleet.relays = this.#gateways.map(({ port }) => `127.0.0.1:${port}`);
  }
  async close(): Promise<void> {
    this.#leaving.abort();
    for (const replica of this.replicas) replica.kill();
    await Promise.all(this.#gateways.map((gateway) => gateway.close()));
  }

  gateway(index: number): RelayRig {
    const gateway = this.#gateways[index];
    if (!gateway) throw new Error('the run has not started');
    return gateway;
  }
  get internalErrors(): number {
    return this.#gateways.reduce((sum, { internalErrors }) => sum + internalErrors.length, 0);
  }

  /** The replica that has a session, a task or a stream; `refuse` means that it is gone before the call. */
  home(upstreamId: string): FaultyReplica {
    const home = this.replicas.find((replica) => replica.holds(upstreamId));
    if (!home) throw new Error(`nobody holds ${upstreamId}`);
    return home;
  }
  arm(fault: Fault, home?: FaultyReplica): void {
    this.plan.arm(fault);
    if (fault !== 'refuse') return;
    this.plan.take();
    (home ?? this.replicas[0])?.kill();
  }

  /** One POST; the first answer with an id on its body or stream. Null: there was none in time. */
  async post(message: object, headers: Record<string, string> = {}, gateway = 0): Promise<Answer | null> {
    const { url, headers: own } = this.gateway(gateway);
    const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    return this.#fetch(url, {
      method: 'POST',
      headers: { ...own, ...accept, ...headers },
      body: JSON.stringify(message),
    });
  }
  async modern(method: string, params: Record<string, unknown>): Promise<Answer | null> {
    const { url, headers: own } = this.gateway(0);
    const { headers, body } = modernPost(method, params);
    return this.#fetch(url, { method: 'POST', headers: { ...own, ...headers }, body });
  }

  /** A GET, or a POST that is answered by a stream without end. */
  async stream(url: string, init: RequestInit): Promise<{ text: string; isOver: boolean }> {
    const stream = { text: '', isOver: false };
    const answer = await fetchOwn(url, { ...init, signal: this.#leaving.signal });
    const read = async (): Promise<void> => {
      const decoder = new TextDecoder();
      for await (const chunk of answer.body ?? []) stream.text += decoder.decode(chunk as Uint8Array, { stream: true });
    };
    read()
      .catch(() => undefined)
      .finally(() => {
        stream.isOver = true;
      });
    return stream;
  }

  /** False: it did not become true before a client would have given up. */
  async until(isTrue: () => boolean): Promise<boolean> {
    for (const endMs = Date.now() + HANG_MS; Date.now() < endMs; await sleep(25)) if (isTrue()) return true;
    return false;
  }

  async #fetch(url: string, init: RequestInit): Promise<Answer | null> {
    const late = AbortSignal.timeout(HANG_MS);
    try {
      const answer = await fetchOwn(url, { ...init, signal: late });
      const text = await answer.text();
      return { status: answer.status, session: answer.headers.get('mcp-session-id'), message: messageOf(text) };
    } catch {
      if (late.aborted) return null;
      return { status: 0, session: null, message: { error: { code: 0 } } };
    }
  }
}

/** The last message of an answer, be it JSON or events; null when it is none. */
export function messageOf(text: string): Answer['message'] {
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data ?? '');
  try {
    return JSON.parse(events.at(-1) ?? text) as Answer['message'];
  } catch {
    return null;
  }
}
