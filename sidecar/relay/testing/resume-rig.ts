import type { ExecutionContext } from 'ava';
import { ownSessionFetch } from '../../../deploy/test/clients/own-session.ts';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { event, sse, startFakeReplica, type FakeRequest } from './fake-replica.ts';
import { RigFleet, type RelayRig } from './relay-rig.ts';

const fetchOwn = ownSessionFetch(fetch, 'relay');

export const RESULT = { content: [{ type: 'text', text: 'done' }] };
export const answer = (id: unknown): string => event({ jsonrpc: '2.0', id, result: RESULT });
export const progress = event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'on its way' } });

export const token = (sub: string): Record<string, string> => {
  const claims = Buffer.from(JSON.stringify({ iss: 'i', sub })).toString('base64url');
  return { authorization: `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.x` };
};

/** What a client reads, and how it loses its connection. */
class Reading {
  text = '';
  status = 0;
  isOver = false;
  overAtMs = 0;
  readonly #leaving = new AbortController();

  constructor(url: string, init: RequestInit) {
    this.#read(url, init)
      .catch(() => undefined)
      .finally(() => {
        this.isOver = true;
        this.overAtMs = performance.now();
      });
  }
  cut(): void {
    this.#leaving.abort();
  }
  get eventId(): string {
    return /^id: (hf1\.\S+)$/m.exec(this.text)?.[1] ?? '';
  }
  async #read(url: string, init: RequestInit): Promise<void> {
    const { status, body } = await fetchOwn(url, { ...init, signal: this.#leaving.signal });
    this.status = status;
    const decoder = new TextDecoder();
    for await (const chunk of body ?? []) this.text += decoder.decode(chunk as Uint8Array, { stream: true });
  }
}

/** A replica whose calls the test answers, and two gateways in front of it. */
export async function setup(t: ExecutionContext, revision = '2025-11-25', policy: Record<string, unknown> = {}) {
  const replica = await startFakeReplica('a');
  const fleet = new RigFleet([replica.port], policy);
  const gateways = [await fleet.gateway('gateway-1'), await fleet.gateway('gateway-2')] as const;
  t.teardown(() => replica.kill());
  t.teardown(() => Promise.all(gateways.map((gateway) => gateway.close())));
  const calls: FakeRequest[] = [];
  replica.answer = (request) => {
    if (request.message.method !== 'tools/call') return false;
    calls.push(request);
    sse(request.response, ': begun\n\n');
    return true;
  };
  const posting = (message: object, headers: Record<string, string>) => ({
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': revision,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
  const begin = async (more: Record<string, string> = {}): Promise<Record<string, string>> => {
    const [{ url, headers }] = gateways;
    const begun = await fetch(
      url,
      posting({ id: 0, method: 'initialize', params: {} }, { ...headers, ...more, 'mcp-protocol-version': '' }),
    );
    await begun.text();
    return { ...headers, ...more, 'x-holdfast-session': begun.headers.get('mcp-session-id') ?? '' };
  };
  const read = (url: string, init: RequestInit): Reading => {
    const reading = new Reading(url, init);
    t.teardown(() => reading.cut());
    return reading;
  };
  const call = (session: Record<string, string>, id: string | number = 7, gateway: RelayRig = gateways[0]): Reading =>
    read(gateway.url, posting({ id, method: 'tools/call', params: { name: 'write', arguments: {} } }, session));
  const resume = (session: Record<string, string>, eventId: string, gateway: RelayRig = gateways[0]): Reading =>
    read(gateway.url, {
      headers: { ...session, 'mcp-protocol-version': revision, accept: 'text/event-stream', 'last-event-id': eventId },
    });
  /** A call whose client has lost its connection after it got an event id. */
  const lost = async (session: Record<string, string>): Promise<{ eventId: string; request: FakeRequest }> => {
    const reading = call(session);
    await waitFor(() => reading.eventId !== '', { what: 'an event id' });
    const request = calls.at(-1);
    if (!request) throw new Error('the call is not at its replica');
    reading.cut();
    return { eventId: reading.eventId, request };
  };
  return { replica, fleet, gateways, calls, begin, call, resume, lost };
}
