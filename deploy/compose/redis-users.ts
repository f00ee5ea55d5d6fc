/** Every command that the product sends, scripts included. A test runs a mesh with them and looks whether Redis refused any. */
const COMMANDS = [
  'auth hello ping select reset echo readonly asking',
  'get set del unlink exists expire pexpire ttl pttl type time scan dump',
  'hget hset hsetnx hdel hgetall hmget hincrby hlen hexists',
  'zadd zrem zrange zrevrange zcard zcount zscore zscan',
  'lpush rpush lrange ltrim llen xadd xrange xrevrange',
  'eval evalsha script|load script|exists multi exec discard watch unwatch',
  'publish subscribe unsubscribe psubscribe punsubscribe',
];
/** Harmless parts of commands that Redis 6 calls dangerous as a whole; INFO is how clients ask whether Redis has loaded its data. */
const HARMLESS =
  'info client|setname client|setinfo client|id client|getname cluster|slots cluster|shards cluster|nodes cluster|info';
const allow = (lines: readonly string[]): string =>
  lines.flatMap((line) => line.split(' ').map((name) => `+${name}`)).join(' ');

/** Keys that gateways write: sessions, and what they tell control planes. Slots, rollouts, drains, the lease, events and configurations are not theirs. */
const GATEWAY_KEYS = ['{*', 'breaker:*', 'slo:*', 'gateway:*', 'probe:*', 'secret'].map((key) => `~holdfast:${key}`);

/** Named commands alone; whatever of them Redis calls dangerous goes. */
const rights = (keys: readonly string[]): string =>
  `${keys.join(' ')} resetchannels &holdfast:channel:* -@all ${allow(COMMANDS)} -@dangerous ${allow([HARMLESS])}`;

/** What a sidecar needs of Redis. */
const GATEWAY_RIGHTS = rights(GATEWAY_KEYS);
/** What a control plane, the command line and backups need. */
const CONTROL_PLANE_RIGHTS = rights(['~holdfast:*']);

/** Passwords as sha256 hex. `admin` is for `backup restore` and `region promote`. Null: there is no such user. */
interface RedisPasswords {
  gateway: string;
  controlPlane: string;
  replica: string | null;
  admin: string | null;
}

/** Redis's users, one a line (ACL file). */
export function redisUsers({ gateway, controlPlane, replica, admin }: RedisPasswords): string {
  return [
    // Nobody can be this one. It has rights because Redis reads its append-only file as this user, and drops every transaction that it may not make.
    'user default off resetpass ~* &* +@all',
    `user holdfast-gateway on #${gateway} ${GATEWAY_RIGHTS}`,
    `user holdfast-control-plane on #${controlPlane} ${CONTROL_PLANE_RIGHTS}`,
    ...(replica === null ? [] : [`user replica on #${replica} resetkeys resetchannels -@all +psync +replconf +ping`]),
    ...(admin === null ? [] : [`user admin on #${admin} ~* &* +@all`]),
    '',
  ].join('\n');
}
