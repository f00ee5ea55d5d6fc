import { mutate } from '../../mutate.ts';
import { STATES } from '../fuzz-rig.ts';
import { sendBytes } from '../mesh-client.ts';
import { sourceOf } from '../limits.ts';
import { pick, type Surface } from '../surface.ts';

const BODY = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"MARKER"}}}';
const head = (line: string, ...headers: string[]): string =>
  [line, 'host: 127.0.0.1', 'accept: application/json, text/event-stream', ...headers, '', ''].join('\r\n');
const post = (path: string, ...headers: string[]): string =>
  `${head(`POST ${path} HTTP/1.1`, 'content-type: application/json', `content-length: ${BODY.length}`, ...headers)}${BODY}`;

const REQUESTS: readonly string[] = [
  post('PATH', 'SESSION'),
  post('PATH', 'SESSION', 'authorization: Bearer MARKER', 'last-event-id: a:b:1'),
  post(
    'PATH',
    'SESSION',
    'mcp-protocol-version: 2026-07-28',
    'mcp-method: tools/call',
    'mcp-name: =?base64?ZWNobw==?=',
  ),
  post('PATH?holdfast-session=0~A', 'x-holdfast-server: plain', 'x-holdfast-host: 127.0.0.1:1'),
  post('PATH', 'origin: https://a.example', 'x-forwarded-for: 1.2.3.4', 'forwarded: for=1'),
  head('GET PATH HTTP/1.1', 'SESSION', 'last-event-id: 0-MARKER'),
  head('DELETE PATH HTTP/1.1', 'SESSION'),
  head('OPTIONS PATH HTTP/1.1', 'origin: https://a.example', 'access-control-request-method: POST'),
  head('GET /health HTTP/1.1'),
  head('GET /.well-known/oauth-protected-resource HTTP/1.1'),
  `${head('POST PATH HTTP/1.1', 'content-type: application/json', 'transfer-encoding: chunked', 'SESSION')}65\r\n${BODY}\r\n0\r\n\r\n`,
];

/** Bytes of whole HTTP requests, at the public port and at the ports behind it. */
export const httpRequests: Surface = {
  name: 'http-requests',
  share: 15,
  seeds: REQUESTS.map((text) => Buffer.from(text)),
  async execute(input, { rig, worker, random }) {
    const way = await rig.way(worker, pick(STATES, random), random);
    const { mesh } = rig.mesh;
    const gateway = mesh.gateways[way.gateway];
    const sidecar = gateway?.sidecars[0];
    if (!gateway || !sidecar) throw new Error('no gateway');
    const [name, url] = pick(
      [
        ['gateway', gateway.url],
        ['gateway', gateway.url],
        ['relay', `http://${sidecar.relay}`],
        ['sidecar admin', sidecar.adminUrl],
        ['control plane admin', mesh.controlPlane.adminUrl],
      ] as const,
      random,
    );
    const session = way.headers['mcp-session-id'];
    const text = input
      .toString('latin1')
      .replaceAll('PATH', `/mcp/${way.server}`)
      .replaceAll('SESSION', session === undefined ? 'x-none: 1' : `mcp-session-id: ${session}`)
      .replaceAll('MARKER', rig.marker);
    const bytes = mutate(Buffer.from(text, 'latin1'), random, 4096);
    const problem = await sendBytes({ port: Number(new URL(url).port) }, bytes, sourceOf(worker));
    return problem === null ? null : `${name}: ${problem}`;
  },
};
