import type { AttackMesh, SendOptions, ServerName } from '../../attack/attack-mesh.ts';
import { callOf } from '../../attack/attack-mesh.ts';
import { openStream, type OpenAnswer } from '../../attack/http-client.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { GrpcClient } from './grpc-client.ts';
import { MeshClient } from './mesh-client.ts';

/** What a request finds: no session, a fresh one, one that has moved, one of HTTP+SSE, or an era without sessions. */
export const STATES = ['none', 'fresh', 'recovered', 'http-sse', 'modern'] as const;
export type State = (typeof STATES)[number];

export interface Way {
  server: ServerName;
  gateway: number;
  suffix: string;
  headers: Record<string, string>;
}

/** A session is used so often, then another one: a mutated request may have ended it. */
const USES = 60;
const FRESH: readonly ServerName[] = ['plain', 'streams', 'off', 'jwt', 'jwtoff'];

interface Held {
  way: Way;
  uses: number;
  stream?: OpenAnswer;
}

/** The mesh under test, and each worker's clients and sessions. */
export class FuzzRig {
  readonly mesh: AttackMesh;
  /** In every credential and argument that is sent: it must not be in any log. */
  readonly marker: string;
  readonly #held = new Map<string, Held>();
  readonly #clients = new Map<number, MeshClient>();
  readonly #grpc = new Map<string, GrpcClient>();
  #sessions = 0;

  constructor(mesh: AttackMesh, marker: string) {
    this.mesh = mesh;
    this.marker = marker;
  }

  client(worker: number): MeshClient {
    const client = this.#clients.get(worker) ?? new MeshClient(worker);
    this.#clients.set(worker, client);
    return client;
  }

  grpc(worker: number, to: { path: string } | { port: number }): GrpcClient {
    const key = `${worker} ${JSON.stringify(to)}`;
    const client = this.#grpc.get(key) ?? new GrpcClient(to);
    this.#grpc.set(key, client);
    return client;
  }

  /** A way into the mesh in this state; made when the worker has none, or has used it up. */
  async way(worker: number, state: State, random: () => number): Promise<Way> {
    const gateway = random() < 0.5 ? 0 : 1;
    const none = { gateway, suffix: '', headers: {} };
    if (state === 'none') return { ...none, server: random() < 0.5 ? 'plain' : 'off' };
    if (state === 'modern') return { ...none, server: random() < 0.8 ? 'modern' : 'opencache' };
    const key = `${worker} ${state}`;
    const held = this.#held.get(key);
    if (held && held.uses++ < USES) return held.way;
    held?.stream?.close();
    const fresh = await this.#begin(worker, state, gateway);
    this.#held.set(key, fresh);
    return fresh.way;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    for (const client of this.#grpc.values()) client.close();
    for (const { stream } of this.#held.values()) stream?.close();
  }

  async #begin(worker: number, state: State, gateway: number): Promise<Held> {
    const number = this.#sessions++;
    // Budgets by address are for others to test.
    const from = `127.0.${2 + (worker % 250)}.${2 + (number % 250)}`;
    if (state === 'http-sse') {
      const stream = await openStream(this.mesh.url('legacy', gateway), { from });
      if (!stream) throw new Error('legacy: no stream');
      const endpoint = await waitFor(() => /data: (\S+)/.exec(stream.text)?.[1], { what: 'an endpoint event' });
      const { search: suffix } = new URL(endpoint, this.mesh.url('legacy', gateway));
      return { way: { server: 'legacy', gateway, suffix, headers: {} }, uses: 0, stream };
    }
    const server = state === 'recovered' ? 'moving' : (FRESH[number % FRESH.length] ?? 'plain');
    const token = server.startsWith('jwt') ? this.mesh.issuer.valid(`fuzz-${worker}`) : undefined;
    const options: SendOptions = { gateway, from, ...(token !== undefined && { token }) };
    const session = await this.mesh.session(server, options);
    if (state === 'recovered') {
      for (const replica of this.mesh.replicas.moving) replica.forget();
      await this.mesh.rpc(server, callOf('echo'), { ...options, session });
    }
    const headers = {
      'mcp-session-id': session,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    return { way: { server, gateway, suffix: '', headers }, uses: 0 };
  }
}
