import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Outcome } from '../../proto/outcome.ts';
import { RPC_ERROR } from '../../proto/rpc-error.ts';
import { HEADER } from '../../proto/wire.ts';
import type { Breakers } from '../breaker/breakers.ts';
import { BodyBudget, LOOK_MS } from '../budget/body-budget.ts';
import { limitRefusal } from '../budget/limit-error.ts';
import { readLimitedBody, type BodyLimits } from '../budget/read-limited-body.ts';
import { AffinityMemory } from '../modern/affinity-memory.ts';
import { CacheWatch } from '../modern/cache-watch.ts';
import { modernContext } from '../modern/modern-context.ts';
import { runModern } from '../modern/run-modern.ts';
import { AdmissionQueue } from '../recovery/admission-queue.ts';
import { RetryBudget } from '../recovery/retry-budget.ts';
import type { Recovery } from '../recovery/recovery.ts';
import type { Upstream } from '../recovery/upstream.ts';
import { place } from '../routing/placement.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { ServerView, Topology } from '../xds/topology.ts';
import { ClientAnswer, keepStreamsAlive } from './client-answer.ts';
import { readClientRequest, type ClientRequest } from './client-request.ts';
import { deleteSession } from './delete-session.ts';
import { DrainedSlots } from './drained-slots.ts';
import { FreeExchange } from './free-exchange.ts';
import { HeldStream } from './held-stream.ts';
import { HeldStreams } from './held-streams.ts';
import { OpenSessions } from './open-sessions.ts';
import { refuse } from './refuse.ts';
import type { RelayContext, RelayMetrics, ReplicaReport } from './relay-context.ts';
import { relayServers, type PeerPort } from './relay-servers.ts';
import { ReportLimit } from './report-limit.ts';
import { PendingServerRequests } from './pending-server-requests.ts';
import { Refusals } from './refusals.ts';
import { Resumptions } from './resumptions.ts';
import { SseHolder } from './sse-holder.ts';
import { postToSse } from './sse-post.ts';
import { SseSessions } from './sse-sessions.ts';
import { SessionCalls } from './session-calls.ts';
import { SessionExchange } from './session-exchange.ts';
import { ToolKnowledge } from './tool-knowledge.ts';

export interface RelayOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  topology: () => Topology;
  directory: SessionDirectory;
  recovery: Recovery;
  upstream: Upstream;
  breakers: Pick<Breakers, 'gate' | 'release' | 'attemptFailed'>;
  outcomes: (outcome: Outcome) => void;
  /** Publishes on CHANNEL.reports. */
  report: (report: ReplicaReport & { count: number }) => void;
  metrics: RelayMetrics;
  /** Tool names as they are learned, for metrics' labels. */
  learned?: (server: string, names: string[]) => void;
  /** Answers /health: status and JSON body. */
  health: () => Promise<{ status: number; body: unknown }>;
  /** Host at which neighbours reach this relay; `host` when left out. */
  advertise?: string;
  /** The port of neighbours, who then come there alone; null or left out: they come by the plain one. */
  peer?: PeerPort | null;
  /** What no request waits for: certificates that can't be read any more. */
  onError?: (error: unknown) => void;
  /** How long requests in flight may take after `close`. */
  closeMs?: number;
  /** What is known of tasks, states and handles of 2026-07-28; of this process alone when left out. */
  affinity?: AffinityMemory;
  now?: () => number;
  random?: () => number;
}

export interface Relay {
  address: AddressInfo;
  peerAddress: string | null;
  tools: ToolKnowledge;
  close(): Promise<void>;
}

/** Requests in flight at close get this long to finish. */
const CLOSE_MS = 5000;
/** Idle connections are closed from here only when they have been left alone for that long: Envoy takes the one first that it used last. */
const LINGER_MS = 1000;

/** The sidecar's HTTP service: Envoy's endpoint of last resort, and the one that holds guarded calls and streams. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const now = options.now ?? Date.now,
    random = options.random ?? Math.random,
    open = new Set<ClientAnswer>(),
    budgets = new Map<string, RetryBudget>(),
    queues = new Map<string, AdmissionQueue>(),
    limit = new ReportLimit(options.report, now);
  const ctx: RelayContext = {
    server: (name) => {
      const view = options.topology().server(name);
      if (view) ctx.tools.see(view);
      return view;
    },
    ownRelay: () =>
      servers.peerAddress ??
      `${options.advertise ?? options.host}:${(servers.address as AddressInfo | null)?.port ?? options.port}`,
    directory: options.directory,
    recovery: options.recovery,
    upstream: options.upstream,
    breakers: options.breakers,
    outcome: options.outcomes,
    metrics: options.metrics,
    now,
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
    tools: new ToolKnowledge(options.learned),
    calls: new SessionCalls((server, count) => options.metrics.relayStreams(server, 'call', count)),
    serverRequests: new PendingServerRequests(now),
    streams: new HeldStreams(options.directory, (server, count) =>
      options.metrics.relayStreams(server, 'stream', count),
    ),
    refusals: new Refusals(),
    bodies: new BodyBudget(now),
    resumptions: new Resumptions(),
    sse: new SseSessions(),
    modern: modernContext(options.affinity ?? new AffinityMemory({ store: null })),
    sseQueue: (server) => {
      let queue = queues.get(server);
      if (!queue) queues.set(server, (queue = new AdmissionQueue()));
      return queue;
    },
  };
  const servers = relayServers(
    options,
    options.peer ?? null,
    (incoming, response) => {
      if (incoming.url === '/health') return void answerHealth(options.health, response);
      const request = readClientRequest(incoming, now(), (slot) => options.topology().ofSlot(slot)?.name);
      handle(ctx, request, response, new ClientAnswer(response, request.clientId, open));
    },
    options.onError ?? (() => undefined),
  );
  const openSessions = new OpenSessions(ctx, options.topology);
  const cacheWatch = new CacheWatch(options.topology, options.upstream, ctx.modern.cache, now);
  const drained = new DrainedSlots(ctx, options.topology);
  const stopKeepalive = keepStreamsAlive(open, now);
  const bodyLook = setInterval(() => {
    ctx.bodies.look();
    options.metrics.bufferedBytes(ctx.bodies.bytes);
  }, LOOK_MS).unref();
  await servers.listen();
  return {
    address: servers.address,
    peerAddress: servers.peerAddress,
    tools: ctx.tools,
    close: () =>
      new Promise((resolve) => {
        stopKeepalive();
        clearInterval(bodyLook);
        drained.close();
        openSessions.close();
        ctx.streams.close();
        ctx.sse.close();
        ctx.modern.listens.close();
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
        void servers.close().then(() => {
          clearTimeout(linger);
          clearInterval(idle);
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

function handle(ctx: RelayContext, request: ClientRequest, response: ServerResponse, client: ClientAnswer): void {
  const view = ctx.server(request.server),
    { incoming } = request;
  if (!view)
    return refuse(response, incoming, {
      status: 503,
      code: RPC_ERROR.noReplica,
      message:
        request.server === ''
          ? `no ${HEADER.server} header: the request did not come through the gateway`
          : `server ${JSON.stringify(request.server)} is not known to this gateway (yet)`,
    });
  switch (incoming.method) {
    case 'POST':
      return readLimitedBody(incoming, response, bodyLimits(ctx, view), (read) => {
        if (read.is === 'gone') return undefined;
        if (read.is === 'refused') {
          ctx.metrics.refused(view.name, read.limit);
          return refuse(response, incoming, limitRefusal(read.limit, view.name));
        }
        const { body } = read;
        if (request.isSseMessage) return void postToSse(ctx, view, request, client, body);
        if (request.clientId === null && runModern(ctx, view, request, client, body)) return undefined;
        return request.clientId === null
          ? new FreeExchange(ctx, view, request, client, body).run()
          : new SessionExchange(ctx, view, request, client, body).run();
      });
    case 'GET':
      incoming.resume();
      if (request.clientId === null) return new SseHolder(ctx, view, request, client).run();
      return void new HeldStream(ctx, view, request, client).run();
    case 'DELETE':
      incoming.resume();
      if (request.clientId === null)
        return refuse(response, incoming, {
          status: 400,
          code: RPC_ERROR.badRequest,
          message: 'DELETE needs a session id',
        });
      return void deleteSession(ctx, view, request, client);
    default:
      return refuse(response, incoming, {
        status: 405,
        code: RPC_ERROR.badRequest,
        message: `${incoming.method} is not a method of MCP`,
      });
  }
}

const bodyLimits = ({ bodies }: RelayContext, { policy }: ServerView): BodyLimits => ({
  maxBytes: policy.maxBodyBytes,
  gateway: policy.gatewayLimits,
  budget: bodies,
});

async function answerHealth(health: RelayOptions['health'], response: ServerResponse): Promise<void> {
  const { status, body } = await health().catch(() => ({
    status: 503,
    body: { status: 'unhealthy', timestamp: new Date().toISOString(), checks: [] },
  }));
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
