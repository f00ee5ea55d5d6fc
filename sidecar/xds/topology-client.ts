import { EventEmitter } from 'node:events';
import { detach } from '../../proto/detach.ts';
import { RESOURCE, SERVER_POLICY_TYPE } from '../../proto/wire.ts';
import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { connectAds, type ControlPlaneTls, type AdsConnection, type AdsHooks } from './ads-connection.ts';
import { accept, EMPTY_FLEET, isComplete, versionsOf, type Delivery, type FleetState } from './fleet-state.ts';
import { pauseMs } from './reconnect.ts';
import { readStateFile, writeStateFile } from './state-file.ts';
import type { Topology } from './topology.ts';

export interface TopologyClientOptions {
  /** `host:port` of each control plane, in the order in which they are tried. */
  addresses: readonly [string, ...string[]];
  nodeId: string;
  version: string;
  /** Speak TLS to the control planes, and show this certificate; plain when left out. */
  tls?: ControlPlaneTls;
  /** `metadata.holdfast` of the node, asked for at each connect; `role` is `sidecar` unless it says otherwise. */
  metadata?: () => object;
  /** Where what was accepted is kept for a start without a control plane; none when left out. */
  stateFile?: string;
  random?: () => number;
}
interface TopologyEvents {
  change: [topology: Topology, servers: ReadonlySet<string>];
  connect: [address: string];
  disconnect: [address: string, reason: string];
  /** A delivery was answered; `problems` is empty for an ACK. */
  answer: [typeUrl: string, problems: readonly string[]];
  /** The state file can't be read or written. */
  problem: [message: string];
  /** What a message of the control plane, or a listener above, set off in this process. */
  failure: [error: unknown];
}

/** Writing at each change of a rolling deployment would be waste; this much may be missing from the file after a crash. */
const SAVE_DELAY_MS = 500;

/**
 * What the control plane says, at any moment: `topology` is never absent, only empty before the first word. Without a control plane it
 * stays as it was. Reconnects by itself, to whichever address answers, telling what it has so that only changes come.
 */
export class TopologyClient extends EventEmitter<TopologyEvents> {
  #state: FleetState = EMPTY_FLEET;
  #connection: AdsConnection | null = null;
  #isConnected = false;
  #isClosed = false;
  #hasHeard = false;
  #failures = 0;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #save: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  readonly #options: TopologyClientOptions;

  constructor(options: TopologyClientOptions) {
    super();
    this.#options = options;
  }

  get topology(): Topology {
    return this.#state.topology;
  }
  /** Name → version of what is in force, of one resource type. */
  versions(typeUrl: string): Record<string, string> {
    return versionsOf(this.#state, typeUrl);
  }
  /** A control plane has taken the present stream. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Takes over the state file, if there is one, and begins to connect. */
  async start(): Promise<void> {
    const { stateFile } = this.#options;
    if (stateFile !== undefined) {
      const { state, problems } = await readStateFile(stateFile);
      for (const problem of problems) this.emit('problem', problem);
      this.#state = state;
      if (state.topology.servers.size > 0) this.emit('change', state.topology, new Set(state.topology.servers.keys()));
    }
    this.#connect();
  }

  /** True once every server told is known with its endpoints, from a control plane or the state file; false after `timeoutMs`. */
  whenReady(timeoutMs: number): Promise<boolean> {
    const isReady = () => (this.#hasHeard || this.#state.policies.size > 0) && isComplete(this.#state);
    if (isReady()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (result: boolean) => {
        clearTimeout(timer);
        this.off('answer', look);
        resolve(result);
      };
      const look = () => {
        if (isReady()) done(true);
      };
      const timer = setTimeout(() => done(false), timeoutMs);
      this.on('answer', look);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#connection?.close();
    if (this.#save) {
      clearTimeout(this.#save);
      this.#write();
    }
    await this.#saving;
  }

  /** A failure of our own must not be the last attempt. */
  #reconnect(): void {
    try {
      this.#connect();
    } catch (error) {
      this.emit('failure', error);
      this.#failures++;
      this.#retry = setTimeout(
        () => this.#reconnect(),
        pauseMs(this.#failures, 1, this.#options.random ?? Math.random),
      );
    }
  }

  #connect(): void {
    if (this.#isClosed) return;
    const { addresses, nodeId, version, metadata } = this.#options;
    const address = addresses[this.#attempt++ % addresses.length] ?? addresses[0];
    const hooks: AdsHooks = {
      onOpen: () => {
        this.#isConnected = true;
        this.#failures = 0;
        this.emit('connect', address);
      },
      onDelivery: (delivery) => this.#take(delivery),
      onError: (error) => this.emit('failure', error),
      onEnd: (reason) => {
        const wasConnected = this.#isConnected;
        this.#isConnected = false;
        this.#connection = null;
        if (wasConnected) this.#attempt--; // A control plane that was there is tried first.
        this.#failures++;
        this.emit('disconnect', address, reason);
        if (!this.#isClosed)
          this.#retry = setTimeout(
            () => this.#reconnect(),
            pauseMs(this.#failures, addresses.length, this.#options.random ?? Math.random),
          );
      },
    };
    const connection = connectAds(
      address,
      { id: nodeId, cluster: 'holdfast', version, metadata: { role: 'sidecar', ...metadata?.() } },
      hooks,
      this.#options.tls,
    );
    this.#connection = connection;
    connection.send({
      typeUrl: SERVER_POLICY_TYPE,
      subscribe: ['*'],
      versions: versionsOf(this.#state, SERVER_POLICY_TYPE),
    });
    const known = [...this.#state.policies.keys()];
    if (known.length > 0)
      connection.send({
        typeUrl: RESOURCE_TYPE.endpoints,
        subscribe: known.map(RESOURCE.serverCluster),
        versions: versionsOf(this.#state, RESOURCE_TYPE.endpoints),
      });
  }

  #take(delivery: Delivery & { nonce: string }): void {
    const before = this.#state;
    const { state, problems, changed } = accept(before, delivery);
    this.#state = state;
    this.#connection?.send({
      typeUrl: delivery.typeUrl,
      nonce: delivery.nonce,
      ...(problems.length > 0 && { refusal: problems.join('; ') }),
    });
    const subscribe = [...state.policies.keys()]
      .filter((server) => !before.policies.has(server))
      .map(RESOURCE.serverCluster);
    const unsubscribe = [...before.policies.keys()]
      .filter((server) => !state.policies.has(server))
      .map(RESOURCE.serverCluster);
    if (subscribe.length > 0 || unsubscribe.length > 0)
      this.#connection?.send({ typeUrl: RESOURCE_TYPE.endpoints, subscribe, unsubscribe });
    if (changed.size > 0) {
      this.#tell('change', state.topology, changed);
      if (this.#options.stateFile !== undefined) this.#save ??= setTimeout(() => this.#write(), SAVE_DELAY_MS);
    }
    this.#hasHeard = true;
    this.#tell('answer', delivery.typeUrl, problems);
  }

  /** A listener that fails keeps nobody else from hearing, and is no reason to refuse what the control plane said. */
  #tell<E extends 'change' | 'answer'>(event: E, ...args: TopologyEvents[E]): void {
    for (const listener of this.rawListeners(event))
      detach(
        () => Reflect.apply(listener, this, args),
        (error) => this.emit('failure', error),
      );
  }

  #write(): void {
    this.#save = undefined;
    const state = this.#state,
      path = this.#options.stateFile;
    if (path === undefined) return;
    this.#saving = this.#saving
      .then(() => writeStateFile(path, state))
      .catch((error: Error) => {
        this.emit('problem', `${path} can't be written: ${error.message}`);
      });
  }
}
