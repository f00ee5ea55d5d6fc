import { readFileSync } from 'node:fs';
import type { AddressInfo, Server as NetServer } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import Fastify, { type FastifyError } from 'fastify';
import { Counter, type Registry } from 'prom-client';
import { JOIN_PATH } from '../../proto/join.ts';
import { parseJson } from '../../proto/parse-json.ts';
import { readServerContext, renewServerContext } from '../../proto/tls/server-context.ts';
import type { GrpcTls } from '../../proto/tls/grpc-credentials.ts';
import { readAddress } from '../config/address.ts';
import type { InjectionConfig } from '../config/kubernetes-schema.ts';
import type { JoinDesk } from '../join/join-desk.ts';
import { admit } from './admit.ts';
import { readReview, reviewOf, type Verdict } from './admission-review.ts';

/** Twice the largest object that etcd takes, which is the most that an API server can send: the object, and the one before. */
const MAX_BODY_BYTES = 4 << 20;
/** A token, a key and a signature. */
const MAX_JOIN_BYTES = 32 << 10;
/** The API server waits for 30 s at most, and by the manifests for 5. */
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 120_000;
/** API servers keep a few connections each, and some more while many pods start; more is somebody else. */
const MAX_CONNECTIONS = 512;
/** So that no other address takes the places of the API servers. */
const MAX_CONNECTIONS_OF_ADDRESS = 128;
/** Node's 120 s would let connections that say nothing keep their places for as long. */
const HANDSHAKE_MS = 5000;
/** How often Node looks for requests that took too long; 30 s by itself. */
const LOOK_MS = 2000;
const ADMIT_PATH = '/v1/admit';

export interface AdmissionServerOptions {
  config: () => InjectionConfig;
  tls: GrpcTls;
  registry: Registry;
  onError: (error: unknown) => void;
  /** Where pods join, on the same port; null: nowhere. */
  join?: JoinDesk | null;
}

type Result = Verdict['kind'] | 'malformed' | 'too_large' | 'failed';

/** Answers the API server's admission reviews by HTTPS. Every process serves them, whoever leads: they need nothing but the configuration. */
export async function startAdmissionServer(
  listen: string,
  { config, tls, registry, onError, join = null }: AdmissionServerOptions,
): Promise<{ port: number; close: () => Promise<void> }> {
  const requests = new Counter({
    name: 'holdfast_admission_requests_total',
    help: 'Admission reviews of pods and Services, by what became of them.',
    labelNames: ['result'],
    registers: [registry],
  });
  const count = (result: Result): void => requests.inc({ result });
  const { cert, key, minVersion }: SecureContextOptions = readServerContext(tls);
  const app = Fastify({
    https: { cert, key, minVersion, handshakeTimeout: HANDSHAKE_MS, connectionsCheckingInterval: LOOK_MS },
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.server.headersTimeout = REQUEST_TIMEOUT_MS;
  limitAddresses(app.server);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, bytes: Buffer) =>
    parseJson(bytes),
  );
  app.setErrorHandler((error: FastifyError, { routeOptions }, reply) => {
    const status = error.statusCode ?? 500;
    if (routeOptions.url === JOIN_PATH) join?.malformed();
    else count(status === 413 ? 'too_large' : status < 500 ? 'malformed' : 'failed');
    if (status >= 500) onError(error);
    const message =
      status === 413
        ? `the body is longer than ${routeOptions.bodyLimit ?? MAX_BODY_BYTES} bytes, which no request of the mesh or of Kubernetes is`
        : status >= 500
          ? 'something unexpected happened; the control plane’s log has it'
          : error.message;
    return reply.code(status).send({ error: { message } });
  });
  app.post(ADMIT_PATH, async ({ body }, reply) => {
    const request = readReview(body);
    if (!request) {
      count('malformed');
      return reply.code(400).send({ error: { message: 'this is no AdmissionReview of admission.k8s.io/v1' } });
    }
    const verdict = verdictOn(() => admit(request, config(), readFileSync(tls.caFile, 'utf8')), onError);
    count(verdict.kind === 'refused' && verdict.code >= 500 ? 'failed' : verdict.kind);
    return reviewOf(request.uid, verdict);
  });
  if (join)
    app.post(JOIN_PATH, { bodyLimit: MAX_JOIN_BYTES }, async ({ body, ip }, reply) => {
      const answer = await join.answer(body, ip);
      return reply.code(answer.status).send(answer.body);
    });
  const { host, port } = readAddress(listen) ?? { host: '', port: -1 };
  await app.listen({ host, port });
  const stopRenewing = renewServerContext(app.server, tls, onError);
  return {
    port: (app.server.address() as AddressInfo).port,
    async close() {
      stopRenewing();
      await app.close();
    },
  };
}

/** Closes connections of an address that has its share. */
function limitAddresses(server: Pick<NetServer, 'on'>): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? '';
    const count = open.get(address) ?? 0;
    if (count >= MAX_CONNECTIONS_OF_ADDRESS) return socket.destroy();
    open.set(address, count + 1);
    return socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  });
}

/** A bug of ours costs one answer, which says so: the API server then does what its failurePolicy says. */
function verdictOn(decide: () => Verdict, onError: (error: unknown) => void): Verdict {
  try {
    return decide();
  } catch (error) {
    onError(error);
    return { kind: 'refused', code: 500, message: 'the control plane failed on this object; its log has the reason' };
  }
}
