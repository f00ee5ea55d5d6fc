import { Client, credentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { detach } from '../../proto/detach.ts';
import type { ExpectedPeer } from '../../proto/identity/expected-peer.ts';
import { channelCredentials, type GrpcTls } from '../../proto/tls/grpc-credentials.ts';
import { toStruct, unpack, type Any } from '../../proto/xds/loader.ts';
import { adsService, methodOf } from '../../proto/xds/services.ts';
import type { Delivery } from './fleet-state.ts';

export interface NodeIdentity {
  id: string;
  cluster: string /** `metadata.holdfast`. */;
  metadata: object;
  version: string;
}
export interface Request {
  typeUrl: string;
  subscribe?: readonly string[];
  unsubscribe?: readonly string[];
  versions?: Record<string, string>;
  nonce?: string;
  refusal?: string;
}
export interface AdsHooks {
  /** A control plane has taken the stream. */
  onOpen(): void;
  onDelivery(delivery: Delivery & { nonce: string }): void;
  /** The connection is over, whatever way; called once. */
  onEnd(reason: string): void;
  /** What a message of the control plane set off in this process. */
  onError(error: unknown): void;
}
/** The control plane's certificate must name what `expects` says. */
export interface ControlPlaneTls extends GrpcTls {
  expects: ExpectedPeer;
}
export interface AdsConnection {
  send(request: Request): void;
  close(): void;
}

interface WireResponse {
  type_url?: string;
  nonce?: string;
  resources: { name?: string; version?: string; resource?: Any }[];
  removed_resources: string[];
}

/** A dead control plane is noticed within 25 s although nothing is sent. */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 15_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 64 << 20,
  'grpc.max_send_message_length': -1,
  'grpc.use_local_subchannel_pool': 1,
  // Reconnecting is ours; the channel must fail at once, not retry behind our back.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
};
const INVALID_ARGUMENT = 3;
const DELTA = methodOf(adsService, 'DeltaAggregatedResources');

/** One delta ADS stream to one control plane. The only file of this folder that knows gRPC. */
export function connectAds(address: string, node: NodeIdentity, hooks: AdsHooks, tls?: ControlPlaneTls): AdsConnection {
  let channel;
  try {
    channel = tls ? channelCredentials(tls, tls.expects) : credentials.createInsecure();
  } catch (error) {
    // Files in the middle of being renewed: tried again like a control plane that is away.
    queueMicrotask(() => hooks.onEnd(`a certificate can't be read: ${(error as Error).message}`));
    return { send: () => {}, close: () => {} };
  }
  const client = new Client(address, channel, CHANNEL_OPTIONS);
  const call: ClientDuplexStream<object, WireResponse> = client.makeBidiStreamRequest(
    DELTA.path,
    DELTA.requestSerialize,
    DELTA.responseDeserialize as (bytes: Buffer) => WireResponse,
  );
  let isFirst = true,
    isOver = false;
  const end = (reason: string) => {
    if (isOver) return;
    isOver = true;
    call.cancel();
    client.close();
    detach(() => hooks.onEnd(reason), hooks.onError);
  };
  call.on('metadata', () => {
    if (!isOver) detach(() => hooks.onOpen(), hooks.onError);
  });
  call.on('data', (response: WireResponse) => {
    if (isOver) return;
    const typeUrl = response.type_url ?? '',
      nonce = response.nonce ?? '';
    let resources;
    try {
      resources = response.resources.map(({ name = '', version = '', resource }) => ({
        name,
        version,
        json: resource ? unpack(resource) : {},
      }));
    } catch (error) {
      send({ typeUrl, nonce, refusal: `a resource can't be decoded: ${(error as Error).message}` });
      return;
    }
    try {
      hooks.onDelivery({ typeUrl, nonce, resources, removed: response.removed_resources });
    } catch (error) {
      hooks.onError(error);
      send({ typeUrl, nonce, refusal: 'this sidecar failed on it' });
    }
  });
  call.on('error', (error) => end(error.message));
  call.on('end', () => end('the control plane ended the stream'));
  const send = ({ typeUrl, subscribe = [], unsubscribe = [], versions = {}, nonce = '', refusal }: Request) => {
    if (isOver) return;
    call.write({
      ...(isFirst && {
        node: {
          id: node.id,
          cluster: node.cluster,
          metadata: toStruct({ holdfast: node.metadata }),
          user_agent_name: 'holdfast-sidecar',
          user_agent_version: node.version,
        },
      }),
      type_url: typeUrl,
      resource_names_subscribe: subscribe,
      resource_names_unsubscribe: unsubscribe,
      initial_resource_versions: versions,
      response_nonce: nonce,
      ...(refusal !== undefined && { error_detail: { code: INVALID_ARGUMENT, message: refusal } }),
    });
    isFirst = false;
  };
  return {
    send,
    close: () => {
      call.on('error', () => {});
      end('closed');
    },
  };
}
