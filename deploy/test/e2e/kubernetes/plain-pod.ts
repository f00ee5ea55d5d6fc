import type { PodTemplate } from '../../../../control-plane/inject/manifest.ts';
import type { ApiAnswer } from './api-cluster.ts';

export const PODS = '/api/v1/namespaces/mcp/pods';
export const messageOf = ({ body }: ApiAnswer): string => String(body['message'] ?? '');
/** Annotations of a pod that asks for the pair. */
export const ASKS = { 'mesh.holdfast/inject': 'linear' };

/** A pod of a server; it asks unless `annotations` say otherwise. */
export const pod = (name: string, annotations: object = ASKS, spec: object = {}): object => ({
  metadata: { name, annotations, labels: { app: 'linear' } },
  spec: { containers: [{ name: 'server', image: 'server:1', ports: [{ name: 'mcp', containerPort: 3000 }] }], ...spec },
});

/** As the API server stores it, without what differs from one object to the next. */
export const plainly = ({ body }: ApiAnswer): PodTemplate => {
  const { metadata, spec } = body as unknown as PodTemplate;
  const { labels = {}, annotations = {} } = metadata ?? {};
  const text = JSON.stringify({ metadata: { labels, annotations }, spec }, (key, value: unknown) =>
    value === null || (key !== 'emptyDir' && typeof value === 'object' && Object.keys(value as object).length === 0)
      ? undefined
      : value,
  );
  return JSON.parse(text.replaceAll(/kube-api-access-\w+/g, 'kube-api-access')) as PodTemplate;
};
