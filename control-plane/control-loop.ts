import { contained, unreported, type InternalErrors } from '../proto/internal-errors.ts';
import { edgeResources, gatewayResources, sidecarResources, type PlainResources } from './resources/resources-for.ts';
import { readEnvoyNode } from './resources/node.ts';
import { Memo } from './resources/memo.ts';
import { buildTopology } from './topology/build-topology.ts';
import type { TopologyInputs } from './topology/inputs.ts';
import { shareUnchanged } from './topology/share-unchanged.ts';
import { TopologyInForce } from './topology/topology-in-force.ts';
import type { TopologySnapshot } from './topology/topology.ts';
import { nodeKey, type NodeInfo } from './xds/node-info.ts';
import { RoutesPace } from './routes-pace.ts';
import { sealPart } from './xds/references.ts';
import { createResourcePacker } from './xds/resource-packer.ts';
import type { Resources, XdsResource } from './xds/resource.ts';

export interface ControlLoopOptions {
  /** Everything that is known now; null while it is too early to tell gateways anything. */
  inputs: () => TopologyInputs | null;
  /** Nodes with an open stream. */
  nodes: () => ReadonlyArray<{ key: string; node: NodeInfo }>;
  /** Gives a node's resources out; throws when they contradict each other. */
  publish: (key: string, resources: Resources) => void;
  onSnapshot: (snapshot: TopologySnapshot) => void;
  /** Where the topology is kept for those who act on it. */
  topology?: TopologyInForce;
  onError: (key: string, error: Error) => void;
  errors?: InternalErrors;
  /** Changes within this time become one; after a long computation, within the time that it took. */
  debounceMs?: number;
  routesPace?: RoutesPace;
  /** A clock, in ms. */
  now?: () => number;
}

const LONGEST_PAUSE_MS = 500;
/** Servers whose routes are made ahead in one round while a node's routes wait; each takes about 5 ms. */
const PREPARED_AT_A_TIME = 8;

/** From any change of what is known to the resources of every node: topology → resources → packed → published. */
export class ControlLoop {
  readonly #options: Required<ControlLoopOptions>;
  readonly #packer = createResourcePacker();
  /** What a resource was packed to: an unchanged one is the very same object. */
  readonly #packed = new WeakMap<object, XdsResource>();
  readonly #memos = new Map<string, Memo>();
  /** What is the same for several nodes. */
  readonly #shared = new Memo(sealPart);
  /** Set while some node's routes wait for their time. */
  #routesTimer: NodeJS.Timeout | undefined;
  #areRoutesDue = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #problem: string | null = null;
  /** Until then everything else has its turn, on the clock `now`. */
  #restsUntilMs = 0;

  constructor(options: ControlLoopOptions) {
    this.#options = {
      debounceMs: 5,
      errors: unreported,
      topology: new TopologyInForce(),
      routesPace: new RoutesPace(),
      now: () => performance.now(),
      ...options,
    };
  }

  /** The topology in force; null before the first. */
  get snapshot(): TopologySnapshot | null {
    return this.#options.topology.snapshot;
  }

  /** Why the topology in force is not what is known now; null while it is. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Something changed: compute soon. */
  touch(): void {
    if (!this.#isStopped)
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.run();
      }, this.#pauseMs());
  }

  /** With thousands of replicas a computation takes long: after it, as much time is left for everything else. A change that comes later need not wait. */
  #pauseMs(): number {
    return Math.max(this.#options.debounceMs, this.#restsUntilMs - this.#options.now());
  }

  /** Compute now. When that fails, every node keeps what it has, and `problem` says so until a later change can be computed. */
  run(): void {
    const begunMs = this.#options.now();
    try {
      this.#compute();
      const endedMs = this.#options.now();
      this.#restsUntilMs = endedMs + Math.min(endedMs - begunMs, LONGEST_PAUSE_MS);
      this.#problem = null;
    } catch (error) {
      this.#problem = 'what is known now can’t be made into a topology; the last good one stays in force';
      this.#options.errors.report('control-loop', error);
    }
  }

  #compute(): void {
    const inputs = this.#options.inputs();
    if (inputs === null) return;
    const snapshot = shareUnchanged(this.snapshot, buildTopology(inputs));
    if (snapshot === this.snapshot && !this.#areRoutesDue) return;
    this.#areRoutesDue = false;
    this.#options.topology.snapshot = snapshot;
    const nodes = new Map(this.#options.nodes().map(({ key, node }) => [key, node]));
    for (const [key, node] of nodes) this.#give(key, node);
    for (const [key, memo] of this.#memos)
      if (key === 'sidecar' || nodes.has(key)) memo.sweep();
      else {
        this.#memos.delete(key);
        this.#options.routesPace.forget(key);
      }
    this.#shared.sweep();
    this.#packer.sweep();
    this.#awaitRoutes();
    contained(this.#options.errors, 'control-loop', this.#options.onSnapshot)(snapshot);
  }

  /**
   * Gives a node that has just come its resources. They are made each time: what there was for it may be of before it
   * went, or for other addresses than it has now.
   */
  welcome(key: string, node: NodeInfo): void {
    try {
      const resources = this.resourcesFor(node);
      if (resources) this.#options.publish(key, resources);
    } catch (error) {
      this.#options.onError(key, error as Error);
    }
  }

  /** What a node that has just come is told; undefined when it is too early, or it is none of ours. */
  resourcesFor(node: NodeInfo): Resources | undefined {
    const plain = this.snapshot && plainResources(this.snapshot, node, this.#memo(node));
    return plain ? this.#pack(plain) : undefined;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#routesTimer);
  }

  /** Wakes the loop when the first of the routes that wait may go. */
  #awaitRoutes(): void {
    const due = [...this.#memos].flatMap(([key, { hasHeld }]) =>
      hasHeld ? [this.#options.routesPace.dueMs(key)] : [],
    );
    if (due.length === 0 || this.#isStopped) return;
    this.#routesTimer ??= setTimeout(
      () => {
        this.#routesTimer = undefined;
        this.#areRoutesDue = true;
        this.touch();
      },
      Math.max(0, Math.min(...due) - this.#options.now()),
    ).unref();
  }

  #give(key: string, node: NodeInfo): void {
    const { now, routesPace, publish } = this.#options,
      memo = this.#memo(node);
    try {
      memo.isHolding = now() < routesPace.dueMs(key);
      memo.hasHeld = false;
      memo.mayPrepare = PREPARED_AT_A_TIME;
      const resources = this.resourcesFor(node);
      if (!resources) return;
      publish(key, resources);
      routesPace.gave(key, resources, now());
    } catch (error) {
      // The node keeps what it has.
      this.#options.onError(key, error as Error);
    } finally {
      memo.isHolding = false;
    }
  }

  #pack(plain: PlainResources): Resources {
    return new Map(
      [...plain].map(([typeUrl, resources]) => [
        typeUrl,
        new Map(
          [...resources].map(([name, json]) => [name, this.#packed.get(json) ?? this.#packAnew(typeUrl, name, json)]),
        ),
      ]),
    );
  }

  #packAnew(typeUrl: string, name: string, json: object): XdsResource {
    const packed = this.#packer.pack(typeUrl, name, json);
    this.#packed.set(json, packed);
    return packed;
  }

  /** Sidecars are all told the same, so they share one memo. */
  #memo(node: NodeInfo): Memo {
    const key = node.role === 'sidecar' ? 'sidecar' : nodeKey(node);
    const memo = this.#memos.get(key) ?? new Memo(sealPart, this.#shared);
    this.#memos.set(key, memo);
    return memo;
  }
}

function plainResources(
  snapshot: TopologySnapshot,
  { id, role, metadata }: NodeInfo,
  memo: Memo,
): PlainResources | undefined {
  if (role === 'sidecar') return sidecarResources(snapshot, memo);
  const envoy = readEnvoyNode(id, metadata);
  if (envoy === undefined) return undefined;
  return envoy.role === 'edge' ? edgeResources(snapshot, envoy) : gatewayResources(snapshot, envoy, memo);
}
