import { unreported, type InternalErrors } from '../../proto/internal-errors.ts';
import { EventEmitter } from 'node:events';
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import type { Registry } from 'prom-client';
import { openAdsStream, type AdsStream, type Refusal } from './ads-stream.ts';
import { deltaAdsService } from './delta-wire.ts';
import type { Peer } from '../membership/peer.ts';
import { nodeKey, type NodeInfo } from './node-info.ts';
import type { Resources } from './resource.ts';
import { snapshotProblems } from './snapshot-problems.ts';
import { createXdsMetrics } from './xds-metrics.ts';

export interface XdsServerOptions {
  registry: Registry;
  /** Whether a node may be who it says it is; everybody is believed without it. */
  admit?: (node: NodeInfo, peer: Peer) => boolean;
  /** Names of clusters in the bootstrap, which resources may refer to. */
  staticClusters?: readonly string[];
  now?: () => number;
  errors?: InternalErrors;
}
interface XdsEvents {
  /** A client's stream told who it is; `streams` now open under its key. A listener may set its snapshot: the client gets that. */
  connect: [node: NodeInfo, key: string, streams: number, peer: Peer];
  disconnect: [node: NodeInfo, key: string, streams: number];
  /** The client has accepted all of the snapshot that it subscribed to. */
  settled: [node: NodeInfo, key: string, snapshot: Resources];
  /** A client refused a response. Log those with `isFinal`: the others are tried again resource by resource. */
  nack: [refusal: Refusal];
}

const SHUTDOWN_MS = 1000;
/** A dead peer is found within 40 s even when nothing is sent; Envoy's own keepalive pings are allowed every 5 s. */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.http2.min_ping_interval_without_data_ms': 5000,
  'grpc.max_receive_message_length': 4 << 20,
  'grpc.max_send_message_length': -1,
  // An Envoy and a sidecar hold one stream each; more on one connection is somebody else.
  'grpc.max_concurrent_streams': 16,
};

/** Snapshots were inconsistent: `problems` lists every reference to nothing. The former snapshot stays in force. */
export class SnapshotError extends Error {
  readonly code = 'SNAPSHOT';
  readonly problems: readonly string[];
  constructor(key: string, problems: readonly string[]) {
    super(`snapshot of ${key} refused: ${problems.join('; ')}`);
    this.problems = problems;
  }
}

/** Delta ADS for any number of Envoys and sidecars. Each node (see `nodeKey`) has one snapshot. */
export class XdsServer extends EventEmitter<XdsEvents> {
  readonly #server = new Server(CHANNEL_OPTIONS);
  readonly #streams = new Map<string, Set<AdsStream>>();
  readonly #snapshots = new Map<string, Resources>();
  readonly #staticClusters: ReadonlySet<string>;

  constructor(options: XdsServerOptions) {
    super();
    this.#staticClusters = new Set(options.staticClusters);
    const metrics = createXdsMetrics(options.registry);
    const hooks = {
      admit: (node: NodeInfo, peer: Peer) => options.admit?.(node, peer) ?? true,
      onNode: (stream: AdsStream, node: NodeInfo) => {
        metrics.connected(node.role, 1);
        return this.#join(stream, node);
      },
      onEnd: (stream: AdsStream, node: NodeInfo) => {
        metrics.connected(node.role, -1);
        this.#leave(stream, node);
      },
      onSettled: (node: NodeInfo, resources: Resources) => {
        this.emit('settled', node, nodeKey(node), resources);
      },
      onRefusal: (refusal: Refusal) => {
        this.emit('nack', refusal);
      },
      onFailure: (error: unknown) => {
        (options.errors ?? unreported).report('xds', error);
      },
    };
    this.#server.addService(deltaAdsService, {
      DeltaAggregatedResources: (call: Parameters<typeof openAdsStream>[0]) => {
        openAdsStream(call, hooks, metrics, options.now ?? Date.now, new Metadata());
      },
    });
  }

  /** Serves on `address` (`ip:port`, port 0 for any) and gives the port. */
  listen(address: string, credentials: ServerCredentials = ServerCredentials.createInsecure()): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)));
    });
  }

  /** From now on `key`'s clients get these. Throws SnapshotError, and changes nothing, when a reference leads nowhere. */
  setSnapshot(key: string, resources: Resources): void {
    if (this.#snapshots.get(key) === resources) return;
    const problems = snapshotProblems(resources, this.#staticClusters);
    if (problems.length > 0) throw new SnapshotError(key, problems);
    this.#snapshots.set(key, resources);
    for (const stream of this.#streams.get(key) ?? []) stream.update(resources);
  }

  /** Forgets a node that is not coming back. */
  dropSnapshot(key: string): void {
    this.#snapshots.delete(key);
  }

  snapshot(key: string): Resources | undefined {
    return this.#snapshots.get(key);
  }

  /** Nodes with at least one open stream; several streams of one key are listed several times. */
  nodes(): { key: string; node: NodeInfo }[] {
    return [...this.#streams].flatMap(([key, streams]) =>
      [...streams].flatMap(({ node }) => (node ? [{ key, node }] : [])),
    );
  }

  async close(): Promise<void> {
    for (const streams of [...this.#streams.values()]) for (const stream of [...streams]) stream.end();
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, SHUTDOWN_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
  }

  #join(stream: AdsStream, node: NodeInfo): Resources | undefined {
    const key = nodeKey(node);
    const streams = this.#streams.get(key) ?? new Set();
    this.#streams.set(key, streams.add(stream));
    this.emit('connect', node, key, streams.size, stream.peer);
    return this.#snapshots.get(key);
  }

  #leave(stream: AdsStream, node: NodeInfo): void {
    const key = nodeKey(node),
      streams = this.#streams.get(key);
    if (!streams?.delete(stream)) return;
    if (streams.size === 0) this.#streams.delete(key);
    this.emit('disconnect', node, key, streams.size);
  }
}
