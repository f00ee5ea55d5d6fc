/** What a process may be. `gateway` is both halves of a node: its Envoy and its sidecar. */
export const MESH_ROLES = ['control-plane', 'gateway', 'edge'] as const;
export type MeshRole = (typeof MESH_ROLES)[number];

/** The name that a certificate of the mesh carries, as its one URI. */
export interface MeshName {
  /** The mesh. Two meshes of one authority have two. */
  trustDomain: string;
  role: MeshRole;
  id: string;
  /** The certificate is one of many pods: `id` is what their names begin with. */
  isGroup: boolean;
}

const TRUST_DOMAIN = /^[a-z0-9]([a-z0-9._-]{0,253}[a-z0-9])?$/;
/** A pod that joined is `<namespace>.<pod>`: 63 characters, and 253. */
const NODE_ID = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,315}[A-Za-z0-9])?$/;
/** Last part of a group's name. */
const GROUP = 'pods';

export const isTrustDomain = (text: string): boolean => TRUST_DOMAIN.test(text);

/** `spiffe://<trust domain>/<role>/<node id>`, and `…/pods` behind it for a group. The form is SPIFFE's, so other tools check it too. */
export const formatMeshName = ({ trustDomain, role, id, isGroup }: MeshName): string =>
  `spiffe://${trustDomain}/${role}/${id}${isGroup ? `/${GROUP}` : ''}`;

/** For Envoy's TLS: a certificate with a name of that role, of that mesh, or of whatever mesh when none is known. */
export const roleMatcher = (trustDomain: string | null, role: MeshRole): object => ({
  san_type: 'URI',
  matcher: {
    safe_regex: { regex: `spiffe://${trustDomain?.replaceAll('.', '[.]') ?? '[^/]+'}/${role}/[^/]+(/${GROUP})?` },
  },
});

/** Null for whatever is not exactly such a name. */
export function readMeshName(uri: string): MeshName | null {
  const match = /^spiffe:\/\/([^/?#@:]+)\/([^/?#]+)\/([^/?#]+)(?:\/([^/?#]+))?$/.exec(uri);
  if (!match) return null;
  const [, trustDomain = '', role = '', id = '', group] = match;
  const isRole = (MESH_ROLES as readonly string[]).includes(role);
  if (!isRole || !TRUST_DOMAIN.test(trustDomain) || !NODE_ID.test(id)) return null;
  if (group !== undefined && group !== GROUP) return null;
  return { trustDomain, role: role as MeshRole, id, isGroup: group !== undefined };
}

/** Whether a certificate of this name may speak as the node `nodeId`. */
export const speaksFor = ({ id, isGroup }: MeshName, nodeId: string): boolean =>
  isGroup ? nodeId.startsWith(`${id}-`) && nodeId.length > id.length + 1 : nodeId === id;
