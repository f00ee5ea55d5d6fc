import { connect as connectHttp2 } from 'node:http2';
import type { Duplex } from 'node:stream';
import { encode, toStruct } from '../../../proto/xds/loader.ts';
import { waitFor } from '../mesh/wait-for.ts';

const ADS = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const TYPES = ['envoy.config.endpoint.v3.ClusterLoadAssignment', 'holdfast.v1.ServerPolicy'];

/** Who somebody says to be. */
export interface Announced {
  id: string;
  role: string;
  metadata: Record<string, unknown>;
}

export interface AdsStream {
  /** `resources`, once it was told something; how it was refused; `silence` after a while. */
  heard: string;
  close(): void;
}

/** One ADS stream over any connection: says who it is, and waits until it is told something or refused. */
export async function openAdsStream(
  createConnection: () => Duplex,
  { id, role, metadata }: Announced,
  waitMs = 3000,
): Promise<AdsStream> {
  const session = connectHttp2('http://localhost', { createConnection });
  let heard: string | undefined;
  const refused = (how: string): void => {
    heard ??= how;
  };
  session.on('error', (error) => refused(`refused: ${error.message.slice(0, 60)}`));
  session.once('close', () => refused('refused: closed'));
  const stream = session.request({
    ':method': 'POST',
    ':path': ADS,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', (error) => refused(`refused: ${error.message.slice(0, 60)}`));
  stream.on('data', () => {
    heard ??= 'resources';
  });
  const readStatus = (headers: Record<string, unknown>): void => {
    const status = headers['grpc-status'];
    if (status !== undefined) refused(`refused with ${String(status)}`);
  };
  stream.once('response', readStatus).once('trailers', readStatus);
  for (const type of TYPES) {
    const message = encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', {
      node: { id, cluster: 'holdfast', metadata: toStruct({ holdfast: { role, ...(metadata as object) } }) },
      type_url: `type.googleapis.com/${type}`,
      resource_names_subscribe: ['*'],
    });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    stream.write(Buffer.concat([head, message]));
  }
  await waitFor(() => heard !== undefined, { what: 'an answer', timeoutMs: waitMs }).catch(() => undefined);
  return { heard: heard ?? 'silence', close: () => session.destroy() };
}
