import { detach } from '../../../proto/detach.ts';
import { FIRST_MODERN_REVISION, VERSION_CLAIM } from '../../../proto/era.ts';
import type { RpcMessage } from '../../../proto/json-rpc.ts';
import { HEADER } from '../../../proto/wire.ts';
import type { ReplicaClient } from '../../replica/client.ts';
import type { ServerView, Topology } from '../../xds/topology.ts';
import { ListenBranch, type BranchListener } from '../listen/listen-branch.ts';
import type { SharedCache } from './shared-cache.ts';

const LOOK_MS = 1000;
/** A replica that refuses the subscription (it wants a token, or has none to offer) is asked again after this long. */
const REFUSED_MS = 60_000;
const CLAIM = {
  [VERSION_CLAIM]: FIRST_MODERN_REVISION,
  'io.modelcontextprotocol/clientInfo': { name: 'holdfast', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const BODY = Buffer.from(
  JSON.stringify({
    jsonrpc: '2.0',
    id: 'holdfast-cache',
    method: 'subscriptions/listen',
    params: {
      notifications: { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
      _meta: CLAIM,
    },
  }),
);
const HEADERS = [
  'content-type',
  'application/json',
  'accept',
  'application/json, text/event-stream',
  HEADER.protocolVersion,
  FIRST_MODERN_REVISION,
  HEADER.method,
  'subscriptions/listen',
];

/** Listens for changes at every replica of the servers whose results are cached, also while no client does. What may have changed unheard is forgotten. */
export class CacheWatch implements BranchListener {
  readonly #topology: () => Topology;
  readonly #upstream: Pick<ReplicaClient, 'send'>;
  readonly #cache: SharedCache;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  /** By server and slot. */
  readonly #branches = new Map<string, ListenBranch>();
  readonly #retryAtMs = new Map<string, number>();
  readonly #timer = setInterval(
    () =>
      detach(
        () => this.reconcile(),
        (error) => this.#onError(error),
      ),
    LOOK_MS,
  ).unref();

  constructor(
    topology: () => Topology,
    upstream: Pick<ReplicaClient, 'send'>,
    cache: SharedCache,
    now: () => number,
    onError: (error: unknown) => void,
  ) {
    this.#topology = topology;
    this.#upstream = upstream;
    this.#cache = cache;
    this.#now = now;
    this.#onError = onError;
  }

  reconcile(): void {
    const wanted = new Set<string>();
    for (const view of this.#topology().servers.values()) {
      if (view.policy.sharedCache)
        for (const replica of view.endpoints)
          if (replica.state === 'active') {
            wanted.add(nameOf(replica));
            this.#open(view, replica);
          }
    }
    for (const kept of [this.#branches, this.#retryAtMs]) {
      for (const name of kept.keys()) {
        if (wanted.has(name)) continue;
        this.#branches.get(name)?.close();
        kept.delete(name);
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const branch of this.#branches.values()) branch.close();
    this.#branches.clear();
  }

  opened(): void {
    /* from here on changes are heard */
  }
  acknowledged(branch: ListenBranch): void {
    this.#cache.forget(branch.replica.server);
  }
  notified({ replica }: ListenBranch, { method, uri }: RpcMessage): void {
    this.#cache.changed(replica.server, method, uri);
  }
  refused(branch: ListenBranch): void {
    this.#gone(branch, REFUSED_MS);
  }
  completed(branch: ListenBranch): void {
    this.#gone(branch, REFUSED_MS);
  }
  expired(branch: ListenBranch): void {
    this.broken(branch);
  }
  broken(branch: ListenBranch): void {
    this.#cache.forget(branch.replica.server);
    this.#gone(branch, LOOK_MS);
  }

  #open({ policy }: ServerView, replica: ListenBranch['replica']): void {
    const name = nameOf(replica);
    if (this.#branches.has(name) || (this.#retryAtMs.get(name) ?? 0) > this.#now()) return;
    const headers = policy.hostOverride === null ? HEADERS : [...HEADERS, 'host', policy.hostOverride];
    this.#branches.set(
      name,
      new ListenBranch(replica, this, { guard: (work) => detach(work, this.#onError) }, (answer) =>
        this.#upstream.send(
          {
            address: replica.address,
            method: 'POST',
            path: policy.path,
            headers,
            body: BODY,
            connectTimeoutMs: policy.timeouts.connectMs,
          },
          answer,
        ),
      ),
    );
  }

  #gone({ replica }: ListenBranch, waitMs: number): void {
    this.#branches.delete(nameOf(replica));
    this.#retryAtMs.set(nameOf(replica), this.#now() + waitMs);
  }
}

const nameOf = ({ server, slot }: ListenBranch['replica']): string => `${server}/${slot}`;
