import type { ServiceDefinition } from '@grpc/grpc-js';
import { messageType } from '../../proto/xds/schema.ts';
import { adsService, methodOf } from '../../proto/xds/services.ts';
import type { DeltaRequest } from './delta-subscription.ts';
import type { Push } from './delta-stream.ts';
import type { WireNode } from './node-info.ts';

/** DeltaDiscoveryRequest as services.ts decodes it. */
export interface WireRequest {
  node?: WireNode;
  type_url?: string;
  resource_names_subscribe: string[];
  resource_names_unsubscribe: string[];
  initial_resource_versions: Record<string, string>;
  response_nonce?: string;
  error_detail?: { code?: number; message?: string };
}

const RESPONSE = messageType('envoy.service.discovery.v3.DeltaDiscoveryResponse');

export function readRequest(wire: WireRequest): DeltaRequest {
  return {
    subscribe: wire.resource_names_subscribe,
    unsubscribe: wire.resource_names_unsubscribe,
    initialVersions: wire.initial_resource_versions,
    nonce: wire.response_nonce ?? '',
    error: wire.error_detail ? wire.error_detail.message || `code ${wire.error_detail.code ?? 0}` : null,
  };
}

export function encodePush(push: Push): Buffer {
  return RESPONSE.encode({
    type_url: push.typeUrl,
    nonce: push.nonce,
    removed_resources: push.remove,
    resources: push.send.map(({ name, version, any }) => ({ name, version, resource: any })),
  }).finish() as Buffer;
}

const method = methodOf(adsService, 'DeltaAggregatedResources');

/** ADS with responses already encoded, so that their size is known before they are written. Only the delta variant is offered. */
export const deltaAdsService = {
  DeltaAggregatedResources: { ...method, responseSerialize: (bytes: unknown) => bytes as Buffer },
} as unknown as ServiceDefinition;
