import type { CertificateNames } from '../../proto/identity/certificate-names.ts';
import { isLoopback } from '../../proto/identity/host.ts';
import { speaksFor, type MeshRole } from '../../proto/identity/mesh-name.ts';

/** Why somebody is not believed. Words of a metric's label; the peer itself never hears them. */
export type RefusalReason =
  /** No certificate that an authority of the mesh has signed. */
  | 'no_certificate'
  /** No certificates are in use, and it is not on this machine. */
  | 'off_loopback'
  /** A good certificate without a name of this mesh. */
  | 'other_mesh'
  /** The certificate is another role's. */
  | 'role'
  /** The certificate is another node's. */
  | 'id'
  /** It announces an address that it does not speak from. */
  | 'address'
  /** A node of that name is there, at another place. */
  | 'id_in_use'
  /** Another node is at that address. */
  | 'address_in_use'
  /** A heartbeat of long ago. */
  | 'stale';

/** Which certificate a stream's role needs. An Envoy and the sidecar beside it are one node. */
const ROLE_OF: Readonly<Record<string, MeshRole>> = { gateway: 'gateway', sidecar: 'gateway', edge: 'edge' };

/** Whether certificate `names` let their owner be the node `id` in `role` of the mesh `trustDomain`. */
export function nameProblem(
  names: CertificateNames | null,
  trustDomain: string,
  role: string,
  id: string,
): RefusalReason | null {
  if (names === null) return 'no_certificate';
  if (names.mesh?.trustDomain !== trustDomain) return 'other_mesh';
  if (names.mesh.role !== ROLE_OF[role]) return 'role';
  return speaksFor(names.mesh, id) ? null : 'id';
}

/** Without certificates (`trustDomain` null) this machine's own processes are believed, and nobody else. */
export function credentialProblem(
  peer: { host: string; names: CertificateNames | null },
  trustDomain: string | null,
  role: string,
  id: string,
): RefusalReason | null {
  if (trustDomain !== null) return nameProblem(peer.names, trustDomain, role, id);
  return isLoopback(peer.host) ? null : 'off_loopback';
}
