import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { detach } from '../../proto/detach.ts';
import type { Outcome } from '../../proto/outcome.ts';
import { steadyNow } from '../../proto/steady-clock.ts';
import { AccessControl } from '../authorization/access.ts';
import type { Breakers } from '../breaker/breakers.ts';
import { CallShares } from '../budget/call-shares.ts';
import { spareTime } from '../budget/spare-time.ts';
import { Turns } from '../budget/turns.ts';
import { UNLIMITED, type NewSessions } from '../budget/new-sessions.ts';
import { BodyBudget, LOOK_MS } from '../budget/body-budget.ts';
import type { Identities } from '../principal/identities.ts';
import { AffinityMemory } from '../affinity/affinity-memory.ts';
import { CacheWatch } from './cache/cache-watch.ts';
import { SharedCache } from './cache/shared-cache.ts';
import { ListenStreams } from './listen/listen-streams.ts';
import { RetryBudget } from '../recovery/retry-budget.ts';
import { FleetLimits } from '../rate-limits/fleet-limits.ts';
import type { Recovery } from '../recovery/recovery.ts';
import type { ReplicaClient } from '../replica/client.ts';
import { place } from '../routing/placement.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { Traces } from '../tracing/tracing.ts';
import type { Topology } from '../xds/topology.ts';
import { ClientAnswer, keepStreamsAlive } from './client/client-answer.ts';
import { readClientRequest } from './client/client-request.ts';
import { DrainedSlots } from './housekeeping/drained-slots.ts';
import { OpenSessions } from './housekeeping/open-sessions.ts';
import type { RelayContext, RelayMetrics, ReplicaReport } from './relay-context.ts';
import { listenAsRelay, type PeerPort } from './client/relay-servers.ts';
import { ReportLimit } from './housekeeping/report-limit.ts';
import { PendingServerRequests } from './call/pending-server-requests.ts';
import { MissingStreams } from './stream/missing-streams.ts';
import type { HeldWork } from './held-work.ts';
import { PrimedCalls } from './resume/primed-calls.ts';
import { routeRequest } from './route-request.ts';
import { endExpiredStreams } from './client/stream-expiry.ts';
import { HeldSessions } from './http-sse/held-sessions.ts';
import { ToolKnowledge } from './call/tool-knowledge.ts';

export interface RelayOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  topology: () => Topology;
  directory: SessionDirectory;
  /** Of this relay alone; it ends with it. */
  held: HeldWork;
  identities: Identities;
  recovery: Recovery;
  upstream: ReplicaClient;
  breakers: Pick<Breakers, 'gate' | 'release' | 'attemptFailed'>;
  outcomes: (outcome: Outcome) => void;
  /** Publishes on CHANNEL.reports. */
  report: (report: ReplicaReport & { count: number }) => void;
  metrics: RelayMetrics;
  /** Tool names as they are learned, for metrics' labels. */
  learned?: (server: string, names: string[]) => void;
  /** Answers /health: status and JSON body. */
  health: () => Promise<{ status: number; body: unknown }>;
  /** Of this process alone when left out. */
  fleetLimits?: FleetLimits;
  /** Answers what is not MCP (sidecar/login); false: the request is MCP's. */
  other?: (
    incoming: IncomingMessage,
    response: ServerResponse,
    budgets: Pick<RelayContext, 'bodies' | 'shares'>,
  ) => boolean;
  /** Host at which neighbours reach this relay; `host` when left out. */
  advertise?: string;
  /** The port of neighbours, who then come there alone; null or left out: they come by the plain one. */
  peer?: PeerPort | null;
  /** What no request waits for: certificates that can't be read any more. */
  onError?: (error: unknown) => void;
  /** A failure of the relay's own code, and the request's trace id: it cost that one request, or one round of a timer. */
  internalError?: (where: 'relay' | 'timer', error: unknown, traceId?: string | null) => void;
  /** A node that is silent for so long, in ms, is gone (`ha.failoverTimeoutMs`). */
  nodeGoneMs?: number;
  /** How long requests in flight may take after `close`. */
  closeMs?: number;
  /** What is known of tasks, states and handles of 2026-07-28; of this process alone when left out. */
  affinity?: AffinityMemory;
  /** Nothing is traced when left out. */
  traces?: Traces;
  /** How many sessions clients may begin; as many as they like when left out. */
  sessions?: NewSessions;
  now?: () => number;
  /** The clock by which tokens end, where it is another one. */
  wallMs?: () => number;
  random?: () => number;
}

export interface Relay {
  address: AddressInfo;
  peerAddress: string | null;
  tools: ToolKnowledge;
  close(): Promise<void>;
}

const NODE_GONE_MS = 10_000;
/** Requests in flight at close get this long to finish. */
const CLOSE_MS = 5000;
/** Idle connections are closed from here only when they have been left alone for that long: Envoy takes the one first that it used last. */
const LINGER_MS = 1000;

/** The sidecar's HTTP service: Envoy's endpoint of last resort, and the one that holds guarded calls and streams. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const now = options.now ?? steadyNow,
    random = options.random ?? Math.random,
    open = new Set<ClientAnswer>(),
    budgets = new Map<string, RetryBudget>(),
    limit = new ReportLimit(options.report, now),
    tools = new ToolKnowledge(options.learned),
    internalError = options.internalError ?? (() => undefined);
  const servers = await listenAsRelay(options, options.peer ?? null, options.onError ?? (() => undefined));
  const ctx: RelayContext = {
    server: (name) => {
      const view = options.topology().server(name);
      if (view) tools.see(view);
      return view;
    },
    ownRelay: servers.peerAddress ?? `${options.advertise ?? options.host}:${servers.address.port}`,
    directory: options.directory,
    identities: options.identities,
    recovery: options.recovery,
    upstream: options.upstream,
    breakers: options.breakers,
    outcome: options.outcomes,
    metrics: options.metrics,
    nodeGoneMs: options.nodeGoneMs ?? NODE_GONE_MS,
    now,
    random,
    internalError,
    report: (report) => limit.report(report),
    place: ({ policy, endpoints, backends }, excluded) => {
      const counts = options.directory.counts(policy.name);
      return place({ endpoints, backends, excluded, random, load: (slot) => counts.get(slot) ?? 0 });
    },
    budget: (server) => {
      let budget = budgets.get(server);
      if (!budget) budgets.set(server, (budget = new RetryBudget()));
      return budget;
    },
    tools,
    calls: options.held.calls,
    serverRequests: new PendingServerRequests(now),
    missingStreams: new MissingStreams(),
    streams: options.held.streams,
    bodies: new BodyBudget(now),
    sessions: options.sessions ?? UNLIMITED,
    traces: options.traces ?? { begin: () => null, recovery: () => null },
    shares: new CallShares(),
    turns: new Turns((error) => internalError('relay', error)),
    beginnings: new Turns((error) => internalError('relay', error), undefined, spareTime()),
    access: new AccessControl(options.metrics.unauthorized),
    fleetLimits: options.fleetLimits ?? new FleetLimits({ shared: null, now, onLocal: () => undefined }),
    primed: new PrimedCalls(),
    httpSse: new HeldSessions(),
    affinity: options.affinity ?? new AffinityMemory({ store: null }),
    cache: new SharedCache(),
    listens: new ListenStreams(),
  };
  // Nobody waits for what a lost upstream session asked. The deadline of a call that was sent again must not stand still for it.
  const stopForgetting = ctx.directory.on('moved', ({ digest }) => ctx.serverRequests.forget(digest));
  servers.serve((incoming, response) => {
    if (incoming.url === '/health') {
      detach(answerHealth(options.health, response), (error) => internalError('relay', error));
      return;
    }
    detach(
      () => {
        if (options.other?.(incoming, response, ctx)) return;
        const request = readClientRequest(incoming, now(), (slot) => options.topology().ofSlot(slot)?.name);
        const contained = (error: unknown): void => internalError('relay', error, request.traceId);
        routeRequest(ctx, request, response, new ClientAnswer(response, request.clientId, open, contained));
      },
      (error) => {
        internalError('relay', error);
        response.destroy();
      },
    );
  });
  const openSessions = new OpenSessions(ctx, options.topology);
  const cacheWatch = new CacheWatch(options.topology, options.upstream, ctx.cache, now, (error) =>
    internalError('timer', error),
  );
  const drained = new DrainedSlots(ctx, options.topology);
  const stopKeepalive = keepStreamsAlive(open, now);
  const bodyLook = setInterval(() => {
    ctx.bodies.look();
    options.metrics.bufferedBytes(ctx.bodies.bytes);
  }, LOOK_MS).unref();
  const stopExpiry = endExpiredStreams(open, options.wallMs ?? now);
  return {
    address: servers.address,
    peerAddress: servers.peerAddress,
    tools,
    close: () =>
      new Promise((resolve) => {
        drained.close();
        stopForgetting();
        openSessions.close();
        ctx.streams.close();
        ctx.httpSse.close();
        ctx.listens.close();
        cacheWatch.close();
        limit.close();
        for (const answer of open) if (!answer.giveUp) answer.end(); // clients come back to another node
        let idle: NodeJS.Timeout | undefined;
        const linger = setTimeout(() => {
            idle = setInterval(() => servers.closeIdleConnections(), 50);
          }, LINGER_MS),
          timer = setTimeout(() => {
            // An open stream that breaks off is no answer: official clients would wait for one for a minute.
            for (const answer of [...open]) answer.giveUp?.();
            setImmediate(() => servers.closeAllConnections());
          }, options.closeMs ?? CLOSE_MS);
        const closed = (): void => {
          // Until here: what is still under way has its limits, and its streams are kept alive.
          stopKeepalive();
          clearInterval(bodyLook);
          stopExpiry();
          clearTimeout(linger);
          clearInterval(idle);
          clearTimeout(timer);
          resolve();
        };
        detach(servers.close().finally(closed), (error) => internalError('relay', error));
      }),
  };
}

async function answerHealth(health: RelayOptions['health'], response: ServerResponse): Promise<void> {
  const { status, body } = await health().catch(() => ({
    status: 503,
    body: { status: 'unhealthy', timestamp: new Date().toISOString(), checks: [] },
  }));
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
