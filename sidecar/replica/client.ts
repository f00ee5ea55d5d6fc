import { buildConnector, Client, Pool, type Dispatcher } from 'undici';
import { FairReads } from '../budget/fair-reads.ts';
import { withHost } from './headers.ts';
import { isSameLink, type ReplicaLink } from './replica-link.ts';
import { replicaTlsOptions } from '../../proto/tls/replica-tls.ts';
import { steadyNow } from '../../proto/steady-clock.ts';
import { atTurnEnd } from '../../proto/turn-end.ts';
import { RefusedConnections } from './refused-connections.ts';
import { INTERNAL_FAILURE, ReplicaCall, type CallOwner, type ReplicaFailure, type AnswerSink } from './replica-call.ts';

export interface ReplicaRequest {
  /** `ip:port`. */
  address: string;
  method: 'POST' | 'GET' | 'DELETE' | 'HEAD' | 'PUT' | 'PATCH' | 'OPTIONS';
  path: string;
  /** Flat list: name, value, name, value. Without content-length and hop-by-hop headers. */
  headers: string[];
  body: Buffer | null;
  connectTimeoutMs: number;
}

export { INTERNAL_FAILURE, ReplicaCall, type ReplicaFailure, type AnswerSink };

/**
 * Calls in flight to one replica at a time over kept connections. Node refuses no socket by itself. At the limit undici would queue
 * silently, so `ReplicaClient` fails the call instead. 4096 is a quarter of the ports that one source address has towards one replica.
 */
const MAX_CALLS_PER_REPLICA = 4096;
/** Less than the 5 s after which Node servers close idle connections: the pool gives them up first. */
const KEEP_ALIVE_MS = 4000;
/** Largest response head. */
const MAX_HEADER_BYTES = 64 << 10;

interface ReplicaPool {
  pool: Pool;
  /** What its connections are made with: a change makes another pool. */
  link: ReplicaLink | undefined;
  connectTimeoutMs: number;
  live: number;
  lastUsedMs: number;
}
/** A pool in use reads its certificates again after this long, so that new connections are made with renewed ones. */
const REREAD_MS = 10_000;
/** A replica without a call for this long loses its pool. */
const IDLE_POOL_MS = 60_000;

/** The one file that knows undici: connections to replicas, kept per address. A stream (GET) has a connection of its own. */
export class ReplicaClient {
  readonly #pools = new Map<string, ReplicaPool>();
  readonly #streams = new Set<Client>();
  readonly #reads = new FairReads();
  readonly #refused = new RefusedConnections();
  readonly #linkTo: (address: string) => ReplicaLink | undefined;
  readonly #sweep = setInterval(() => this.#dropIdle(steadyNow()), IDLE_POOL_MS).unref();

  readonly #contained: (error: unknown) => void;

  /**
   * `linkTo`: what is special about the way to an address; undefined for plain HTTP with the client's Host. `contained` hears what a sink throws.
   */
  constructor(
    linkTo: (address: string) => ReplicaLink | undefined = () => undefined,
    contained: (error: unknown) => void = () => undefined,
  ) {
    this.#linkTo = linkTo;
    this.#contained = contained;
  }

  send(wanted: ReplicaRequest, sink: AnswerSink): ReplicaCall {
    const host = this.#linkTo(wanted.address)?.host ?? null;
    const request = host === null ? wanted : { ...wanted, headers: withHost(wanted.headers, host) };
    return request.method === 'GET' ? this.#open(request, sink) : this.#call(request, sink);
  }

  /** It refused a connection just now, and has taken none since. */
  hasRefused(address: string): boolean {
    return this.#refused.has(address, steadyNow());
  }

  /** Calls in flight to an address, streams not counted. */
  live(address: string): number {
    return this.#pools.get(address)?.live ?? 0;
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    const all = [...[...this.#pools.values()].map(({ pool }) => pool), ...this.#streams];
    this.#pools.clear();
    this.#streams.clear();
    await Promise.all(all.map((dispatcher) => dispatcher.destroy()));
  }

  #call(request: ReplicaRequest, sink: AnswerSink): ReplicaCall {
    const replica = this.#pool(request);
    const call = this.#start(request, sink, () => {
      replica.live--;
    });
    replica.live++;
    replica.lastUsedMs = steadyNow();
    if (replica.live > MAX_CALLS_PER_REPLICA)
      queueMicrotask(() =>
        call.onResponseError(
          undefined as never,
          Object.assign(new Error(`more than ${MAX_CALLS_PER_REPLICA} calls in flight to one replica`), {
            code: 'HOLDFAST_FULL',
          }),
        ),
      );
    else atTurnEnd(() => dispatch(replica.pool, request, call));
    return call;
  }

  #start({ address }: ReplicaRequest, sink: AnswerSink, over: () => void): ReplicaCall {
    const owner: CallOwner = {
      answered: () => this.#refused.forget(address),
      refused: () => this.#refused.note(address, steadyNow()),
      over,
    };
    return new ReplicaCall(sink, owner, this.#contained, this.#reads);
  }

  /** The pool for an address as it is to be reached now. Calls in flight on a former one end there. */
  #pool(request: ReplicaRequest): ReplicaPool {
    const known = this.#pools.get(request.address);
    if (!known) return this.#newPool(request);
    const link = this.#linkTo(request.address);
    if (known.connectTimeoutMs === request.connectTimeoutMs && isSameLink(known.link, link)) {
      known.link = link;
      return known;
    }
    // What was sent in this turn still goes out by it.
    atTurnEnd(() => known.pool.close().catch(() => undefined));
    return this.#newPool(request);
  }

  #newPool(request: ReplicaRequest): ReplicaPool {
    const pool = new Pool(this.#origin(request.address), {
      ...CLIENT_OPTIONS,
      ...this.#connection(request),
      connections: MAX_CALLS_PER_REPLICA,
    });
    const { address, connectTimeoutMs } = request;
    const replica = { pool, link: this.#linkTo(address), connectTimeoutMs, live: 0, lastUsedMs: 0 };
    this.#pools.set(address, replica);
    return replica;
  }

  #open(request: ReplicaRequest, sink: AnswerSink): ReplicaCall {
    const client = new Client(this.#origin(request.address), { ...CLIENT_OPTIONS, ...this.#connection(request) });
    this.#streams.add(client);
    const call = this.#start(request, sink, () => {
      this.#streams.delete(client);
      client.destroy().catch(() => undefined);
    });
    dispatch(client, request, call);
    return call;
  }

  #origin(address: string): string {
    return `${this.#linkTo(address)?.tls ? 'https' : 'http'}://${address}`;
  }

  #connection({ address, connectTimeoutMs }: ReplicaRequest): Pool.Options {
    const tls = this.#linkTo(address)?.tls;
    if (!tls) return { connectTimeout: connectTimeoutMs };
    let connect = buildConnector({ ...replicaTlsOptions(tls), timeout: connectTimeoutMs }),
      readAtMs = steadyNow();
    const renew = (): void => {
      if (steadyNow() - readAtMs < REREAD_MS) return;
      readAtMs = steadyNow();
      // Files that are just being replaced: the former ones do until the next time.
      try {
        connect = buildConnector({ ...replicaTlsOptions(tls), timeout: connectTimeoutMs });
      } catch {
        /* as above */
      }
    };
    return {
      connect: (options, callback) => {
        renew();
        // undici would ask for the name in the Host header, which is the client's.
        connect(tls.serverName === undefined ? options : { ...options, servername: tls.serverName }, callback);
      },
    };
  }

  #dropIdle(nowMs: number): void {
    for (const [address, replica] of this.#pools) {
      if (replica.live > 0 || nowMs - replica.lastUsedMs < IDLE_POOL_MS) continue;
      this.#pools.delete(address);
      replica.pool.destroy().catch(() => undefined);
    }
  }
}

/** No time limit on heads and bodies: streams may be silent for hours; deadlines belong to the relay, which sees progress. */
const CLIENT_OPTIONS = {
  headersTimeout: 0,
  bodyTimeout: 0,
  keepAliveTimeout: KEEP_ALIVE_MS,
  pipelining: 1,
  maxHeaderSize: MAX_HEADER_BYTES,
  allowH2: false,
} as const;

function dispatch(dispatcher: Dispatcher, request: ReplicaRequest, call: ReplicaCall): void {
  try {
    dispatcher.dispatch(
      {
        path: request.path,
        method: request.method,
        headers: request.headers,
        body: request.body,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      call,
    );
  } catch (error) {
    // undici refuses some header values by throwing
    queueMicrotask(() => call.onResponseError(undefined as never, error as Error));
  }
}
