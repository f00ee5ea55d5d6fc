import type { X509Certificate } from 'node:crypto';
import { hostOf, isLoopback } from '../../proto/identity/host.ts';
import { readHeartbeat, type ReadHeartbeat } from '../../proto/identity/signed-heartbeat.ts';
import type { GatewayNode } from '../topology/topology.ts';
import { addressesOf, isOwnAddress, isSamePlace, readAnnouncement, takesFrom } from './announcement.ts';
import { credentialProblem, nameProblem, type RefusalReason } from './credential-problem.ts';
import type { Peer } from './peer.ts';

interface Seen {
  node: GatewayNode;
  atMs: number;
  isConnected: boolean;
  /** `atMs` of its newest heartbeat, and when that was first read here. */
  beat: { atMs: number; firstReadMs: number } | null;
}
export interface Announcer {
  id: string;
  role: string;
  /** `node.metadata.holdfast`. */
  metadata: Readonly<Record<string, unknown>>;
}
export interface GatewayRegistryOptions {
  /** The mesh whose certificates are believed; null: no certificates are in use. */
  trustDomain: string | null;
  /** Who signs them. Read each time: files are renewed. */
  authorities: () => readonly X509Certificate[];
  goneAfterMs: () => number;
  now: () => number;
  /** `host`: where a stream came from; null for a heartbeat. */
  onRefused: (
    entry: 'xds' | 'heartbeat',
    reason: RefusalReason,
    node: { id: string; role: string },
    host: string | null,
  ) => void;
}

/** Clocks of machines differ by less; an older heartbeat was kept by somebody and written again. */
const MAX_SKEW_MS = 5 * 60_000;
/** For heartbeats that don't say it: what Redis keeps them for, by default. */
const VALID_FOR_MS = 15_000;

/**
 * Which gateway nodes are there: those whose sidecar holds an xDS stream here, and those whose heartbeat is in Redis.
 * Their stream may be with another control plane. A node that is silent for `goneAfterMs` is gone. A shorter time
 * would make neighbours change when a sidecar reconnects. A node is believed only what it can show: its name, and its
 * address.
 */
export class GatewayRegistry {
  readonly #seen = new Map<string, Seen>();
  readonly #listens = new Map<string, string>();
  /** Open streams by role and id: where from, and what they announced. */
  readonly #streams = new Map<string, { host: string; said: GatewayNode }>();
  readonly #options: GatewayRegistryOptions;

  get trustDomain(): string | null {
    return this.#options.trustDomain;
  }

  constructor(options: GatewayRegistryOptions) {
    this.#options = options;
  }

  /** Whether a stream may be that node's: null, or why not. Asked before the stream gets anything. */
  admit(node: Announcer, peer: Peer): RefusalReason | null {
    const reason = this.#streamProblem(node, peer);
    if (reason !== null) this.#options.onRefused('xds', reason, node, peer.host);
    return reason;
  }

  #streamProblem({ id, role, metadata }: Announcer, peer: Peer): RefusalReason | null {
    const { trustDomain } = this.#options;
    const problem = credentialProblem(peer, trustDomain, role, id);
    if (problem !== null) return problem;
    const said = readAnnouncement(id, metadata);
    const stream = this.#streams.get(`${role}/${id}`);
    if (stream && (stream.host !== peer.host || !isSamePlace(stream.said, said))) return 'id_in_use';
    if (role !== 'sidecar') return null;
    if (!addressesOf(said).every((address) => isOwnAddress(peer, address))) return 'address';
    const isProven = trustDomain !== null && peer.names?.mesh?.isGroup === false;
    return this.#placeProblem(said, isProven);
  }

  /** `isProven`: its own certificate says its id, so it may have moved. */
  #placeProblem(said: GatewayNode, isProven: boolean): RefusalReason | null {
    this.#forgetGone();
    const known = this.#seen.get(said.id);
    // By its heartbeat it is with another control plane, and elsewhere.
    const isElsewhere = known !== undefined && known.beat !== null && !isSamePlace(known.node, said);
    if (isElsewhere && !isProven) return 'id_in_use';
    const isAt = (id: string, listen: string): boolean =>
      this.#seen.get(id)?.node.listen === listen || this.#listens.get(id) === listen;
    return [...this.#seen.values()].some(({ node }) => takesFrom(said, node, isAt)) ? 'address_in_use' : null;
  }

  /** An admitted stream of a sidecar or Envoy began. */
  connected({ id, role, metadata }: Announcer, { host }: Peer): void {
    const said = readAnnouncement(id, metadata);
    this.#streams.set(`${role}/${id}`, { host, said });
    // Where an Envoy binds is not always where it is reached.
    if (role === 'gateway' && said.listen !== null && isOwnAddress({ host, names: null }, said.listen))
      this.#listens.set(id, said.listen);
    if (role !== 'sidecar') return;
    const beat = this.#seen.get(id)?.beat ?? null;
    this.#seen.set(id, { node: said, atMs: this.#options.now(), isConnected: true, beat });
  }

  /** The last stream of that role and id ended. */
  disconnected(id: string, role: string): void {
    this.#streams.delete(`${role}/${id}`);
    const seen = this.#seen.get(id);
    if (role === 'sidecar' && seen) this.#seen.set(id, { ...seen, atMs: this.#options.now(), isConnected: false });
  }

  /** The text of one heartbeat in Redis. Of another version that says other things: its stream speaks for it. */
  heartbeat(text: string): void {
    const { authorities, now, onRefused } = this.#options;
    const read = readHeartbeat(text, authorities(), now());
    if (!read) return;
    const { nodeId: id, relay, isRelayTls = false, peer, listen, isDraining, atMs } = read.beat;
    const node: GatewayNode = { id, relay, isRelayTls, peer, listen, isDraining };
    const reason = this.#heartbeatProblem(read, node);
    if (reason !== null) return onRefused('heartbeat', reason, { id, role: 'sidecar' }, null);
    const before = this.#seen.get(id);
    const beat = before?.beat?.atMs === atMs ? before.beat : { atMs, firstReadMs: now() };
    this.#seen.set(id, { node, atMs: now(), isConnected: before?.isConnected ?? false, beat });
  }

  #heartbeatProblem({ beat, names }: ReadHeartbeat, said: GatewayNode): RefusalReason | null {
    const { trustDomain, now } = this.#options;
    if (trustDomain !== null) {
      const problem = nameProblem(names, trustDomain, 'sidecar', said.id);
      if (problem !== null) return problem;
      if (this.#isStale(said.id, beat.atMs, beat.validForMs ?? VALID_FOR_MS)) return 'stale';
    }
    const hosts = addressesOf(said).map(hostOf);
    if (hosts.includes(null)) return 'address';
    if (trustDomain === null && !hosts.every((host) => host !== null && isLoopback(host))) return 'off_loopback';
    const known = this.#seen.get(said.id);
    if (known && now() - known.atMs <= this.#options.goneAfterMs() && known.isConnected)
      return isSamePlace(known.node, said) ? null : 'id_in_use';
    return this.#placeProblem(said, trustDomain !== null && names?.mesh?.isGroup === false);
  }

  /** Whether a signed heartbeat is older than one that was read, or was said so long ago that its node would have said another. */
  #isStale(id: string, atMs: number, validForMs: number): boolean {
    const now = this.#options.now(),
      beat = this.#seen.get(id)?.beat;
    if (!beat || atMs > beat.atMs) return Math.abs(now - atMs) > MAX_SKEW_MS;
    return atMs < beat.atMs || now - beat.firstReadMs > validForMs;
  }

  /**
   * Redis is away, so silence means nothing. Otherwise a node whose stream is with another control plane would be gone
   * for the edges here. The edges' own checks find nodes that are really down.
   */
  unreadable(): void {
    const atMs = this.#options.now();
    for (const [id, seen] of this.#seen) this.#seen.set(id, { ...seen, atMs });
  }

  /** Sorted by id. */
  nodes(): GatewayNode[] {
    this.#forgetGone();
    return [...this.#seen.values()]
      .map(({ node }) => ({ ...node, listen: node.listen ?? this.#listens.get(node.id) ?? null }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Ids of nodes that are connected here for long, and of which Redis has no heartbeat: they do not reach it. Read only where Redis is in use. */
  withoutHeartbeat(): string[] {
    const now = this.#options.now();
    return [...this.#seen.values()]
      .filter(({ isConnected, beat, atMs }) => isConnected && beat === null && now - atMs > this.#options.goneAfterMs())
      .map(({ node }) => node.id);
  }

  #forgetGone(): void {
    const now = this.#options.now();
    for (const [id, { atMs, isConnected }] of this.#seen)
      if (!isConnected && now - atMs > this.#options.goneAfterMs()) this.#seen.delete(id);
  }
}
