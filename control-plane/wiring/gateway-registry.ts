import { parseJson } from '../../proto/parse-json.ts';
import { heartbeatSchema } from '../../proto/heartbeat.ts';
import type { GatewayNode } from '../topology/topology.ts';

interface Seen {
  node: GatewayNode;
  atMs: number;
  isConnected: boolean;
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/**
 * Which gateway nodes are there: those whose sidecar holds an xDS stream here, and those whose heartbeat is in Redis (their stream may be with
 * another control plane). A node that is silent for `goneAfterMs` is gone: shorter, and a reconnecting sidecar would make neighbours change.
 */
export class GatewayRegistry {
  readonly #seen = new Map<string, Seen>();
  readonly #listens = new Map<string, string>();
  readonly #goneAfterMs: () => number;
  readonly #now: () => number;

  constructor(goneAfterMs: () => number, now: () => number) {
    this.#goneAfterMs = goneAfterMs;
    this.#now = now;
  }

  /** A sidecar's or Envoy's stream began. `metadata` is `node.metadata.holdfast`. */
  connected(id: string, role: string, metadata: Readonly<Record<string, unknown>>): void {
    const listen = textOrNull(metadata['listen']);
    if (role === 'gateway' && listen !== null) this.#listens.set(id, listen);
    if (role !== 'sidecar') return;
    const node: GatewayNode = {
      id,
      relay: texts(metadata['relay']),
      isRelayTls: metadata['isRelayTls'] === true,
      peer: textOrNull(metadata['peer']),
      listen,
      isDraining: metadata['isDraining'] === true,
    };
    this.#seen.set(id, { node, atMs: this.#now(), isConnected: true });
  }

  disconnected(id: string, role: string): void {
    const seen = this.#seen.get(id);
    if (role === 'sidecar' && seen) this.#seen.set(id, { ...seen, atMs: this.#now(), isConnected: false });
  }

  heartbeat(text: string): void {
    const beat = heartbeatSchema.safeParse(parseJson(text)).data;
    // Of a version that says other things; its stream speaks for it.
    if (!beat) return;
    const before = this.#seen.get(beat.nodeId);
    const { nodeId: id, relay, isRelayTls = false, peer, listen, isDraining } = beat;
    this.#seen.set(id, {
      node: { id, relay, isRelayTls, peer, listen, isDraining },
      atMs: this.#now(),
      isConnected: before?.isConnected ?? false,
    });
  }

  /**
   * Redis is away: nobody's silence means anything. A node whose stream is with another control plane would else be gone for the edges here; the edges'
   * own checks find those that are really down.
   */
  unreadable(): void {
    const atMs = this.#now();
    for (const [id, seen] of this.#seen) this.#seen.set(id, { ...seen, atMs });
  }

  /** Sorted by id. */
  nodes(): GatewayNode[] {
    const now = this.#now();
    for (const [id, { atMs, isConnected }] of this.#seen)
      if (!isConnected && now - atMs > this.#goneAfterMs()) this.#seen.delete(id);
    return [...this.#seen.values()]
      .map(({ node }) => ({ ...node, listen: node.listen ?? this.#listens.get(node.id) ?? null }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}
