import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { detach } from '../../proto/detach.ts';
import { isLoopback } from '../../proto/identity/host.ts';
import { placeAt, type Placed } from '../../proto/place-at.ts';
import { RPC_ERROR } from '../../proto/rpc-error.ts';
import { HEADER } from '../../proto/wire.ts';
import type { BodyBudget } from '../budget/body-budget.ts';
import { shareOf, type CallShares } from '../budget/call-shares.ts';
import { clientAddress } from '../budget/client-address.ts';
import { limitRefusal } from '../budget/limit-error.ts';
import { readLimitedBody, type BodyRead } from '../budget/read-limited-body.ts';
import type { LimitName } from '../../proto/limits.ts';
import type { ReplicaClient, ReplicaCall, ReplicaFailure } from '../replica/client.ts';
import { upstreamHeaders } from '../replica/headers.ts';
import { clientHeaders } from '../relay/client/client-headers.ts';
import { refuse } from '../relay/client/refuse.ts';
import type { ServerView, Topology } from '../xds/topology.ts';
import { mapDocument } from './map-document.ts';
import { mapHeaders } from './map-headers.ts';
import type { UrlMap } from './map-url.ts';
import { replicaPaths } from './replica-paths.ts';
import { replicasInOrder } from './replicas-in-order.ts';

export interface LoginOptions {
  topology: () => Topology;
  upstream: Pick<ReplicaClient, 'send'>;
  /** Hears of exceptions in this room's own code: each costs its one request. */
  contained: (error: unknown) => void;
  /** A request was beyond a limit. */
  refused: (server: string, limit: LimitName) => void;
  /** How long a replica may take until there is something to pass on: the head, or all of a document. */
  answerMs?: number;
}

/** What the relay has for all requests together. */
export interface LoginBudgets {
  bodies: BodyBudget;
  shares: CallShares;
}

/** Header that routes set on what this room answers. */
const LOGIN_MODE = 'login';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type Method = (typeof METHODS)[number];
/** A document longer than this is passed as it is. */
const MAX_DOCUMENT_BYTES = 1 << 20;
/** A replica that has given nothing to pass on for so long is taken for gone. */
const ANSWER_MS = 20_000;

/** One request for what is not MCP: a document about log-in, or one of the server's `routes`. False: the request is none of these. */
export function answerLogin(
  { topology, upstream, contained, refused, answerMs = ANSWER_MS }: LoginOptions,
  incoming: IncomingMessage,
  response: ServerResponse,
  { bodies, shares }: LoginBudgets,
): boolean {
  if (incoming.headers[HEADER.mode] !== LOGIN_MODE) return false;
  const view = topology().server(String(incoming.headers[HEADER.server])),
    [path = '/', query] = (incoming.url ?? '/').split(/(?=\?)/, 2),
    placed = view && placeAt(view.policy, path, incoming.headers.host),
    method = METHODS.find((each) => each === incoming.method);
  if (!view || !placed || method === undefined) {
    refuse(response, incoming, { status: 404, code: RPC_ERROR.noRoute, message: 'No MCP server at this path' });
    return true;
  }
  // URLs of answers are made with it.
  if (!URL.canParse(`http://${incoming.headers.host ?? ''}`)) {
    refuse(response, incoming, { status: 400, code: RPC_ERROR.badRequest, message: 'The Host header names no host' });
    return true;
  }
  const { maxBodyBytes, gatewayLimits, limits } = view.policy;
  const beyond = (limit: LimitName): void => {
    refused(view.name, limit);
    refuse(response, incoming, limitRefusal(limit, view.name));
  };
  // They take places at a replica as calls do, so they count among their client's.
  const key = `${view.name} ${clientAddress(incoming.headers)}`;
  if (!shares.take(key, shareOf(limits.callsPerClientPercent))) {
    beyond('calls_per_client');
    return true;
  }
  response.once('close', () => shares.release(key));
  const begin = (read: BodyRead): void => {
    if (read.is === 'refused') beyond(read.limit);
    if (read.is !== 'whole') return;
    const paths = replicaPaths(path, placed, view.policy.path).map((each) => `${each}${query ?? ''}`);
    new LoginExchange(upstream, view, placed, { method, paths, body: read.body, answerMs }, incoming, response).run();
  };
  const failed = (error: unknown): void => {
    contained(error);
    response.destroy();
  };
  readLimitedBody(incoming, response, { maxBytes: maxBodyBytes, gateway: gatewayLimits, budget: bodies }, (read) =>
    detach(() => begin(read), failed),
  );
  return true;
}

interface Asked {
  method: Method;
  /** Best first. */
  paths: readonly string[];
  body: Buffer;
  answerMs: number;
}

/** Asks one replica after the other until one can be reached, and for one path after the other until it has one. */
class LoginExchange {
  readonly #upstream: Pick<ReplicaClient, 'send'>;
  readonly #view: ServerView;
  readonly #placed: Placed;
  readonly #asked: Asked;
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  #call: ReplicaCall | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    upstream: Pick<ReplicaClient, 'send'>,
    view: ServerView,
    placed: Placed,
    asked: Asked,
    incoming: IncomingMessage,
    response: ServerResponse,
  ) {
    this.#upstream = upstream;
    this.#view = view;
    this.#placed = placed;
    this.#asked = asked;
    this.#incoming = incoming;
    this.#response = response;
  }

  run(): void {
    this.#response.once('close', () => {
      clearTimeout(this.#timer);
      this.#call?.abort();
    });
    this.#response.on('drain', () => this.#call?.resume());
    this.#ask(
      replicasInOrder(this.#view).map(({ address }) => address),
      this.#asked.paths,
    );
  }

  #ask([address, ...others]: readonly string[], [path, ...further]: readonly string[]): void {
    if (address === undefined || path === undefined) return this.#fail('No replica can take the request now');
    let isOver = false;
    const { method, body } = this.#asked,
      pieces: Buffer[] = [];
    let take: ((piece: Buffer) => void) | null = null,
      end = (): void => undefined;
    const failed = (failure: Pick<ReplicaFailure, 'delivery'>): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(this.#timer);
      if (this.#response.headersSent) this.#response.destroy();
      // What a replica may have acted on goes to no other one: a code or a refresh token works once.
      else if (failure.delivery === 'not_sent' || method === 'GET' || method === 'HEAD')
        this.#ask(others, this.#asked.paths);
      else this.#fail('The replica was lost while it had the request');
    };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#call?.abort();
      failed({ delivery: 'sent_no_response' });
    }, this.#asked.answerMs);
    const headers = upstreamHeaders(this.#incoming.rawHeaders, null, this.#view.policy.hostOverride);
    this.#call = this.#upstream.send(
      {
        ...{ address, method, path, headers },
        body: body.length > 0 ? body : null,
        connectTimeoutMs: this.#view.policy.timeouts.connectMs,
      },
      {
        onHead: (status, answered) => {
          if (status === 404 && further.length > 0) {
            isOver = true;
            this.#call?.abort();
            return this.#ask([address, ...others], further);
          }
          ({ take, end } = this.#begin(status, answered, address, pieces));
          if (this.#response.headersSent) clearTimeout(this.#timer);
        },
        onData: (piece) => {
          if (isOver) return;
          take?.(piece);
          if (this.#response.headersSent) clearTimeout(this.#timer);
        },
        onEnd: () => {
          if (isOver) return;
          // What it throws comes back as a failure, which must still be heard.
          end();
          isOver = true;
        },
        onFailure: failed,
      },
    );
  }

  /** What becomes of the body: a document is read to its end, so that its URLs can be mapped; all else passes. */
  #begin(
    status: number,
    answered: IncomingHttpHeaders,
    address: string,
    pieces: Buffer[],
  ): { take: (piece: Buffer) => void; end: () => void } {
    const map = this.#map(address),
      headers = clientHeaders(answered, null),
      response = this.#response;
    mapHeaders(headers, map);
    const pass = (piece: Buffer): void => {
      if (!response.write(piece)) this.#call?.pause();
    };
    const isDocument = this.#placed.is === 'document' && /\bjson\b/i.test(answered['content-type'] ?? '');
    if (!isDocument || Number(answered['content-length'] ?? 0) > MAX_DOCUMENT_BYTES || this.#asked.method !== 'GET') {
      response.writeHead(status, headers);
      return { take: pass, end: () => response.end() };
    }
    let bytes = 0;
    return {
      take: (piece) => {
        if (response.headersSent) return pass(piece);
        pieces.push(piece);
        bytes += piece.length;
        if (bytes <= MAX_DOCUMENT_BYTES) return;
        response.writeHead(status, headers);
        for (const each of pieces.splice(0)) pass(each);
      },
      end: () => {
        if (response.headersSent) return response.end();
        const text = Buffer.concat(pieces);
        response.writeHead(status, headers).end(mapDocument(text, map) ?? text);
      },
    };
  }

  #map(address: string): UrlMap {
    const { place } = this.#placed,
      { policy } = this.#view,
      { host = '' } = this.#incoming.headers,
      [scheme = 'http'] = String(this.#incoming.headers['x-forwarded-proto'] ?? 'http').split(','),
      port = address.slice(address.lastIndexOf(':')),
      url = place.url === null ? null : new URL(place.url),
      publicOrigin = url === null || isLoopback(url.hostname) ? null : url.origin;
    return {
      place,
      // On loopback each gateway has a port of its own, and this machine several names.
      origin: publicOrigin ?? `${scheme}://${host}`,
      ...{ places: policy.places, routes: policy.routes, path: policy.path },
      replicaHosts: [
        address,
        // A replica that asks nobody takes the client’s Host for its own.
        host.replace(/:(80|443)$/, ''),
        ...['localhost', '127.0.0.1', '0.0.0.0', '[::1]'].map((name) => `${name}${port}`),
        ...(policy.hostOverride === null ? [] : [policy.hostOverride]),
      ],
    };
  }

  #fail(message: string): void {
    refuse(this.#response, this.#incoming, { status: 503, code: RPC_ERROR.noReplica, message });
  }
}
