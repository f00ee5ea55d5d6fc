import { EventEmitter } from 'node:events';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import type { SessionRecord } from '../../../proto/session-record.ts';
import { HEADER } from '../../../proto/wire.ts';
import { sampleEndpoint } from './sample-endpoint.ts';
import type { DirectoryEvents, Found, Moved, SessionDirectory } from '../../session/session-directory.ts';
import { Recovery } from '../recovery.ts';
import type { ServerView } from '../recovery-request.ts';
import type { ReplicaClient, ReplicaCall, ReplicaRequest, AnswerSink } from '../../replica/client.ts';

/** Lets a step of the model happen when the schedule says so. */
export type Step = (label: string) => Promise<unknown>;

/**
 * A fleet in memory for property tests: one store, replicas that hold sessions, gateways that run the real Recovery. Each thing that crosses a
 * process boundary takes two steps of the schedule: on the way there, and on the way back. A crashed gateway takes no step any more.
 */
export class ModelFleet {
  readonly record: SessionRecord;
  readonly replicas = new Map<string, Set<string>>();
  readonly #bus = new EventEmitter();
  readonly #step: Step;
  stored: SessionRecord;
  #lockOwner: string | null = null;
  #made = 0;

  constructor(record: SessionRecord, slots: readonly string[], step: Step) {
    this.record = record;
    this.stored = record;
    this.#step = step;
    for (const slot of slots) this.replicas.set(slot, new Set());
  }

  /** ReplicaClient sessions alive anywhere, as `slot/id`. */
  get alive(): string[] {
    return [...this.replicas].flatMap(([slot, ids]) => [...ids].map((id) => `${slot}/${id}`));
  }
  tombstone(): void {
    this.stored = { ...this.stored, isTombstone: true };
  }

  /** `crashAfter` steps of its own the gateway is gone. */
  gateway(name: string, crashAfter = Infinity): Recovery {
    let steps = 0;
    const cross = async <T>(label: string, effect: () => T): Promise<T> => {
      const arrive = async () => {
        if (steps++ >= crashAfter) await new Promise(() => undefined);
        await this.#step(`${name} ${label}`);
      };
      await arrive();
      const result = effect();
      await arrive();
      return result;
    };
    return new Recovery({
      server: () => this.#view(),
      directory: this.#directory(name, cross),
      // Credentials stand in the second place of the headers as they are.
      identities: {
        mayRebuild: ({ credentials }, headers) => credentials === undefined || credentials === headers[1],
      },
      upstream: this.#upstream(cross),
      metrics: { recovery: () => undefined, movesDropped: () => undefined, recoveryQueue: () => undefined },
      now: () => 1,
      random: () => 0.5,
      after: (_ms, run) => {
        // the only wait of the engine: for another node's recovery, whose lock ends by itself in the end
        let isStopped = false;
        void this.#step(`${name} waits`).then(() => {
          if (!isStopped) run();
        });
        return () => {
          isStopped = true;
        };
      },
    });
  }

  #view(): ServerView {
    const policy = serverPolicySchema.parse({ name: this.record.server });
    const endpoints = [...this.replicas.keys()].map((slot) => ({ ...sampleEndpoint(slot), server: policy.name }));
    return { policy, endpoints, bySlot: (slot) => endpoints.find((endpoint) => endpoint.slot === slot) };
  }

  #directory(name: string, cross: <T>(label: string, effect: () => T) => Promise<T>): SessionDirectory {
    const directory: Partial<SessionDirectory> = {
      find: () =>
        cross(
          'find',
          (): Found => (this.stored.isTombstone ? { kind: 'ended' } : { kind: 'live', record: this.stored }),
        ),
      move: (record, expectedEpoch) =>
        cross('move', (): Moved => {
          if (this.stored.isTombstone) return { kind: 'ended' };
          if (this.stored.epoch !== expectedEpoch) return { kind: 'conflict', record: this.stored };
          this.stored = record;
          this.#bus.emit('moved', {
            server: record.server,
            digest: record.digest,
            slot: record.slot,
            epoch: record.epoch,
            record: null,
          });
          return { kind: 'moved', record, isDurable: true };
        }),
      lock: () =>
        cross('lock', () => {
          if (this.#lockOwner !== null) return null;
          this.#lockOwner = name;
          // it ends by itself, at a moment that has nothing to do with how far its owner came
          void this.#step(`lock of ${name} expires`).then(() => {
            if (this.#lockOwner === name) this.#lockOwner = null;
          });
          return name;
        }),
      unlock: () =>
        cross('unlock', () => {
          if (this.#lockOwner === name) this.#lockOwner = null;
        }),
      counts: () => new Map(),
      on: (event: keyof DirectoryEvents, listener: (detail: any) => void) => {
        this.#bus.on(event, listener);
        return () => this.#bus.off(event, listener);
      },
    };
    return directory as SessionDirectory;
  }

  #upstream(cross: <T>(label: string, effect: () => T) => Promise<T>): Pick<ReplicaClient, 'send'> {
    return {
      send: (request: ReplicaRequest, sink: AnswerSink) => {
        let isAborted = false;
        void cross(`${request.method} ${request.address}`, () => this.#serve(request)).then(
          ({ status, headers, body }) => {
            if (isAborted) return;
            sink.onHead(status, headers);
            sink.onData(Buffer.from(body));
            sink.onEnd();
          },
        );
        return {
          abort: () => {
            isAborted = true;
          },
        } as ReplicaCall;
      },
    };
  }

  #serve(request: ReplicaRequest): { status: number; headers: Record<string, string>; body: string } {
    const sessions = this.replicas.get(request.address)!,
      at = request.headers.indexOf(HEADER.sessionId),
      id = at < 0 ? null : request.headers[at + 1]!;
    const json = { 'content-type': 'application/json' };
    if (request.method === 'DELETE') return { status: sessions.delete(id!) ? 200 : 404, headers: {}, body: '' };
    const message = JSON.parse(request.body!.toString()) as { id?: string; method: string };
    if (message.method === 'initialize') {
      const made = `u${++this.#made}`;
      sessions.add(made);
      return {
        status: 200,
        headers: { ...json, [HEADER.sessionId]: made },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: message.id,
          result: { protocolVersion: this.record.protocolVersion, capabilities: this.record.capabilities },
        }),
      };
    }
    if (!sessions.has(id!)) return { status: 404, headers: json, body: '{}' };
    return message.id === undefined
      ? { status: 202, headers: {}, body: '' }
      : { status: 200, headers: json, body: JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} }) };
  }
}
