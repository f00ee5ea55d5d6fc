import { fromStruct, type Json, type Struct } from '../../proto/xds/loader.ts';

/** Who is at the other end of an ADS stream. */
export interface NodeInfo {
  readonly id: string;
  readonly cluster: string;
  /** `metadata.holdfast.role`: `gateway` or `edge` for an Envoy, `sidecar` for a sidecar; empty when the node does not say. */
  readonly role: string;
  /** `metadata.holdfast`, as JSON. */
  readonly metadata: Readonly<Record<string, Json>>;
  readonly userAgent: string;
}
export interface WireNode {
  id?: string;
  cluster?: string;
  metadata?: Struct;
  user_agent_name?: string;
  user_agent_version?: string;
}

export function readNode(node: WireNode): NodeInfo {
  const holdfast = fromStruct(node.metadata)['holdfast'];
  const metadata = typeof holdfast === 'object' && holdfast !== null && !Array.isArray(holdfast) ? holdfast : {};
  return {
    id: node.id ?? '',
    cluster: node.cluster ?? '',
    metadata,
    role: typeof metadata['role'] === 'string' ? metadata['role'] : '',
    userAgent: [node.user_agent_name, node.user_agent_version].filter(Boolean).join('/'),
  };
}

/** Streams of one key get the same resources: an Envoy and the sidecar processes beside it have one id, but different roles. */
export const nodeKey = (node: NodeInfo): string => `${node.role}/${node.id}`;
