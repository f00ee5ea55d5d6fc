import { MESH_ROLES, type MeshName } from '../../proto/identity/mesh-name.ts';

export const TRUST_DOMAIN = 'holdfast';

/**
 * What a process named so is when nobody says it: `edge`, `edge-standby`, `gateway-1`, `control-plane` by how the name begins. Null for another
 * name: such a certificate serves TLS (Redis), and the mesh takes its owner for nobody.
 */
export function memberByName(name: string, trustDomain: string): MeshName | null {
  const role = MESH_ROLES.find((each) => name === each || name.startsWith(`${each}-`));
  return role === undefined ? null : { trustDomain, role, id: name, isGroup: false };
}
