import { encode, toStruct } from '../../../../../proto/xds/loader.ts';
import { unarySocket, RESOURCE } from '../../../../../proto/wire.ts';
import { mutate } from '../../mutate.ts';
import { grpcFrame } from '../grpc-client.ts';
import { sendBytes } from '../mesh-client.ts';
import { pick, type Execution, type Surface } from '../surface.ts';

const EXT_PROC = '/envoy.service.ext_proc.v3.ExternalProcessor/Process';
const LOGS = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
const ADS = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

const header = (key: string, value: string) => ({ key, raw_value: Buffer.from(value) });
const requestHeaders = (...more: [string, string][]): Buffer =>
  encode('envoy.service.ext_proc.v3.ProcessingRequest', {
    request_headers: {
      headers: {
        headers: [
          header(':method', 'POST'),
          header(':path', '/mcp/plain'),
          header('x-holdfast-server', 'plain'),
          ...more.map(([key, value]) => header(key, value)),
        ],
      },
      end_of_stream: false,
    },
  });
const body = (text: string, kind = 'request_body'): Buffer =>
  encode('envoy.service.ext_proc.v3.ProcessingRequest', { [kind]: { body: Buffer.from(text), end_of_stream: true } });

const EXT_PROC_CALLS = [
  [requestHeaders(['mcp-session-id', '0~abc'], ['authorization', 'Bearer MARKER'])],
  [requestHeaders(), body('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"x":"MARKER"}}')],
  [requestHeaders(), body('{"jsonrpc":"2.0"'), body('{"result":{}}', 'response_body')],
].map((messages) => Buffer.concat(messages.map(grpcFrame)));

/** Lines of an access log as Envoy writes them (proto/access-log.ts): words, then what the client chose. */
const LOG_TEXTS = [
  'frugal/steady POST 200 - via_upstream abc 40001 120 1500 2 - - - json - 0 -\n0~MARKER\n-\napplication/json\n1\ntools/call\nMARKER',
  'frugal/steady POST 503 UC - abc 40001 0 - 2 7 1 0~MARKER - - - -32603\n-\n00-00-00-00\n-\n-\n-\n-',
];
const LOG_BATCHES = LOG_TEXTS.map((text) =>
  grpcFrame(
    encode('opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest', {
      resource_logs: [
        { scope_logs: [{ log_records: [{ time_unix_nano: '1700000000000000000', body: { string_value: text } }] }] },
      ],
    }),
  ),
);

const delta = (role: string, type: string): Buffer =>
  encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', {
    node: { id: 'fuzz', cluster: 'holdfast', metadata: toStruct({ holdfast: { role } }) },
    type_url: `type.googleapis.com/${type}`,
    resource_names_subscribe: ['*'],
    response_nonce: '',
  });
// No role of a sidecar: what a neighbour announces is for the attacks to try.
const DELTAS = [
  delta('edge', 'envoy.config.listener.v3.Listener'),
  delta('gateway', 'envoy.config.cluster.v3.Cluster'),
  delta('', 'holdfast.v1.ServerPolicy'),
].map(grpcFrame);

/** HTTP/2 as bytes: preface, SETTINGS, HEADERS of a call, DATA. For what a client library would not send. */
const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
const literal = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
const http2Call = (path: string, message: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0, Buffer.alloc(0)),
    frame(1, 4, 1, Buffer.concat([Buffer.from([0x83, 0x86]), literal(':path', path), literal('te', 'trailers')])),
    frame(0, 1, 1, message),
    frame(8, 0, 0, Buffer.from([0, 0, 1, 0])),
    frame(6, 0, 0, Buffer.alloc(8)),
    frame(3, 0, 1, Buffer.alloc(4)),
  ]);

const marked = (input: Buffer, { rig }: Execution): Buffer =>
  // The same length, so that the lengths in the message stay right.
  Buffer.from(input.toString('latin1').replaceAll('MARKER', rig.marker.slice(0, 6)), 'latin1');

function sidecarOf({ rig, random }: Execution) {
  const sidecar = pick(rig.mesh.mesh.gateways, random).sidecars[0];
  if (!sidecar) throw new Error('no sidecar');
  return sidecar;
}

const MAX_BYTES = 8192;
const toSidecar = (name: string, share: number, path: string, seeds: readonly Buffer[]): Surface => ({
  name,
  share,
  seeds,
  execute(input, execution) {
    const { socket } = sidecarOf(execution);
    const to = execution.random() < 0.5 ? socket : unarySocket(socket);
    const bytes = mutate(marked(input, execution), execution.random, MAX_BYTES);
    return execution.rig.grpc(execution.worker, { path: to }).call(path, bytes, { 'x-holdfast-server': 'plain' });
  },
});

export const extProc = toSidecar('ext-proc', 6, EXT_PROC, EXT_PROC_CALLS);
export const accessLogs = toSidecar('access-logs', 4, LOGS, LOG_BATCHES);

/** What a control plane is asked by whoever reaches its port. */
export const xds: Surface = {
  name: 'xds',
  share: 4,
  seeds: DELTAS,
  execute(input, execution) {
    const port = Number(execution.rig.mesh.mesh.controlPlane.xds.split(':')[1]);
    const bytes = mutate(marked(input, execution), execution.random, MAX_BYTES);
    return execution.rig.grpc(execution.worker, { port }).call(ADS, bytes);
  },
};

/** HTTP/2 below gRPC, at every port that speaks it. */
export const http2: Surface = {
  name: 'http2',
  share: 3,
  seeds: [
    ...EXT_PROC_CALLS.map((message) => http2Call(EXT_PROC, message)),
    ...LOG_BATCHES.map((message) => http2Call(LOGS, message)),
    ...DELTAS.map((message) => http2Call(ADS, message)),
  ],
  async execute(input, execution) {
    const bytes = mutate(marked(input, execution), execution.random, MAX_BYTES);
    const { socket } = sidecarOf(execution);
    const [name, to] = pick(
      [
        ['ext_proc', { path: socket }],
        ['unary', { path: unarySocket(socket) }],
        [RESOURCE.xdsCluster, { port: Number(execution.rig.mesh.mesh.controlPlane.xds.split(':')[1]) }],
      ] as const,
      execution.random,
    );
    const problem = await sendBytes(to, bytes);
    return problem === null ? null : `${name}: ${problem}`;
  },
};
