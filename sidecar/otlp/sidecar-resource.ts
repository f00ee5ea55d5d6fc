import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';

/** Which process tells, for a collector. */
export const sidecarResource = ({ nodeId, version }: { nodeId: string; version: string }): Resource =>
  resourceFromAttributes({
    'service.name': 'holdfast-sidecar',
    'service.version': version,
    'service.instance.id': nodeId,
  });
