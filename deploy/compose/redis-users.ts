/** What the mesh needs of Redis and nothing more: keys and channels of its own, no administration. */
const MESH_RIGHTS =
  '~holdfast:* resetchannels &holdfast:* -@all +@read +@write +@scripting +@pubsub +@transaction +@connection +info +scan';

/** Redis's users, one a line (ACL file). Passwords as sha256 hex; `admin` is for `backup restore` and `region promote`. */
export function redisUsers({ mesh, admin }: { mesh: string; admin: string | null }): string {
  return [
    'user default off',
    `user holdfast on #${mesh} ${MESH_RIGHTS}`,
    `user replica on #${mesh} resetkeys resetchannels -@all +psync +replconf +ping`,
    ...(admin === null ? [] : [`user admin on #${admin} ~* &* +@all`]),
    '',
  ].join('\n');
}
