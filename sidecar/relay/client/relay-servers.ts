import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { Server as NetServer, type AddressInfo } from 'node:net';
import { ASK_FOR_CERTIFICATE, guardPeers, type PeerTls } from '../../../proto/identity/peer-guard.ts';
import { readServerContext, renewServerContext } from '../../../proto/tls/server-context.ts';

/** Where a relay listens: `port` 0 takes a free one. */
export interface RelayPort {
  host: string;
  port: number;
}
/** The same relay for neighbours: only who shows a gateway's certificate is let in. `advertise`: host by which they reach it. */
export interface PeerPort extends RelayPort {
  advertise: string;
  tls: PeerTls;
}

export interface RelayServers {
  readonly address: AddressInfo;
  /** `ip:port` for neighbours; null without a port of theirs. */
  readonly peerAddress: string | null;
  /** Says who answers requests. Those that came before wait until then. */
  serve(onRequest: RequestListener): void;
  /**
   * Takes no new connections; resolves once the last one has ended. Open connections stay, and their next answer says that it is the last
   * one. Closing an idle connection from here could meet a request that is just being written. Nobody could then say whether it was read.
   */
  close(): Promise<void>;
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

/**
 * Connections that may wait to be accepted (the kernel's own limit may be lower). After a replica's death Envoy opens thousands at once.
 * With Node's 511 the rest would wait seconds for the retry of their SYN.
 */
const BACKLOG = 16_384;
/**
 * Sockets that listen on the own port. libuv takes one connection per socket in each turn of the event loop (since
 * 1.45). Under load, turns of 20 ms would let in 50 connections a second. Honest calls would then wait behind
 * connections that attackers open. Streams take the connections that Envoy keeps, so that calls need new ones. With 16
 * sockets, the p99 beside 1,000 streams was twice that with 64 to 96.
 */
const LISTENERS = 64;
/** A request head larger than this is refused by Node with 431: more than Envoy takes (64 KiB) and adds. */
const MAX_HEAD_BYTES = 80 << 10;
const OPTIONS = {
  keepAliveTimeout: 0,
  requestTimeout: 0,
  headersTimeout: 60_000,
  maxHeaderSize: MAX_HEAD_BYTES,
  noDelay: true,
} as const;

/**
 * Listens for one's own Envoy, which comes by plain HTTP, and for neighbours, who come by mTLS where that is configured. Both get the same answers.
 * @throws {Error} when a port is not free.
 */
export async function listenAsRelay(
  own: RelayPort,
  peer: PeerPort | null,
  onError: (error: unknown) => void,
): Promise<RelayServers> {
  let isClosing = false;
  const early: Array<Parameters<RequestListener>> = [];
  let answer: RequestListener = (...exchange) => early.push(exchange);
  const onEach: RequestListener = (request, response) => {
    if (isClosing) response.shouldKeepAlive = false;
    answer(request, response);
  };
  const plain = createServer(OPTIONS, onEach),
    further = Array.from({ length: LISTENERS - 1 }, () => createServer(OPTIONS, onEach));
  const secure =
    peer && createSecureServer({ ...OPTIONS, ...readServerContext(peer.tls), ...ASK_FOR_CERTIFICATE }, onEach);
  if (peer && secure) guardPeers(secure, peer.tls);
  const stopRenewing = peer && secure ? renewServerContext(secure, peer.tls, onError) : () => {};
  const servers: Server[] = [plain, ...further, ...(secure ? [secure] : [])];
  for (const server of servers) server.maxRequestsPerSocket = 0;
  await findFree(own);
  await listen(plain, { ...own, reusePort: true });
  const address = plain.address() as AddressInfo;
  await Promise.all(further.map((server) => listen(server, { ...own, port: address.port, reusePort: true })));
  if (peer && secure) await listen(secure, peer);
  return {
    address,
    peerAddress: peer && secure && `${peer.advertise}:${(secure.address() as AddressInfo).port}`,
    serve(onRequest) {
      answer = onRequest;
      for (const exchange of early.splice(0)) onRequest(...exchange);
    },
    async close() {
      stopRenewing();
      isClosing = true;
      await Promise.all(
        servers.map(
          (server) =>
            new Promise((resolve) => {
              // Not http's own close: that one ends idle connections at once.
              NetServer.prototype.close.call(server, resolve);
            }),
        ),
      );
    },
    closeIdleConnections() {
      for (const server of servers) server.closeIdleConnections();
    },
    closeAllConnections() {
      for (const server of servers) server.closeAllConnections();
    },
  };
}

/** Ports that are shared are never in use: whether somebody else has this one shows when it is not. */
async function findFree({ host, port }: RelayPort): Promise<void> {
  const alone = createServer();
  await listen(alone, { host, port });
  await new Promise((resolve) => {
    alone.close(resolve);
  });
}

const listen = (
  server: Server,
  { host, port, reusePort = false }: RelayPort & { reusePort?: boolean },
): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject).listen({ port, host, reusePort, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
