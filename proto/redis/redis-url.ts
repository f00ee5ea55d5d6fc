export interface RedisNode {
  host: string;
  port: number;
}
export interface RedisCredentials {
  username: string | null;
  password: string | null;
}

/** Where Redis is. `master` is the name that the sentinels know the primary by. */
export type RedisTarget = { isTls: boolean; credentials: RedisCredentials } & (
  | { kind: 'single'; node: RedisNode; db: number }
  | { kind: 'sentinel'; nodes: RedisNode[]; master: string; db: number }
  | { kind: 'cluster'; nodes: RedisNode[] }
);

export type ParsedRedisUrl = { kind: 'ok'; target: RedisTarget } | { kind: 'bad'; problem: string };

const SHAPES =
  'redis://host:6379/0, rediss://…, redis+sentinel://host:26379,host:26379/master-name or redis+cluster://host:7000,host:7001';
const DEFAULT_PORT = { single: 6379, sentinel: 26379, cluster: 6379 } as const;

/** Reads a Redis URL. A problem says what is wrong and repeats nothing of it: where a password ends is just what can't be told. */
export function parseRedisUrl(url: string): ParsedRedisUrl {
  const match =
    /^(redis|rediss)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(\?[^#]*)?(#.*)?$/i.exec(
      url.trim(),
    );
  if (!match) return bad(`not a Redis URL; expected one of ${SHAPES}`);
  const [, scheme = '', form, userInfo, hosts, path = '', query, fragment] = match;
  if (query || fragment)
    return bad('a Redis URL has no ?query or #fragment here; the only parts are user, hosts and path');
  const kind = (form?.toLowerCase() ?? 'single') as 'single' | 'sentinel' | 'cluster';
  const credentials = readCredentials(userInfo);
  if (!credentials) return bad('user or password is not percent-encoded properly');
  const nodes = readNodes(hosts ?? '', DEFAULT_PORT[kind]);
  if (typeof nodes === 'string') return bad(nodes);
  const common = { isTls: scheme.toLowerCase() === 'rediss', credentials };
  if (kind === 'cluster') {
    if (path !== '') return bad('a cluster has database 0 only: leave out what follows the hosts');
    return { kind: 'ok', target: { ...common, kind, nodes } };
  }
  if (kind === 'sentinel') {
    const [master = '', dbText = '', ...rest] = path.split('/');
    if (master === '')
      return bad('the name of the primary is missing: redis+sentinel://host:26379,host:26379/master-name');
    const db = readDb(dbText);
    if (db === undefined || rest.length > 0) return bad("after the master's name only a database number may follow");
    return { kind: 'ok', target: { ...common, kind, nodes, master: decodedOr(master), db } };
  }
  const [node] = nodes;
  if (!node || nodes.length > 1) return bad('several hosts need redis+sentinel:// or redis+cluster://');
  const db = readDb(path);
  if (db === undefined) return bad('the path must be a database number (0–1023)');
  return { kind: 'ok', target: { ...common, kind, node, db } };
}

/** A name that is not percent-encoded is meant as it is. */
function decodedOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function bad(problem: string): ParsedRedisUrl {
  return { kind: 'bad', problem };
}

/** The hosts, or what is wrong with the first bad one. */
function readNodes(hosts: string, defaultPort: number): RedisNode[] | string {
  const nodes: RedisNode[] = [];
  for (const [index, text] of hosts.split(',').entries()) {
    const node = readNode(text.trim(), defaultPort);
    if (typeof node === 'string') return `host ${index + 1} ${node}`;
    nodes.push(node);
  }
  return nodes;
}

function readNode(text: string, defaultPort: number): RedisNode | string {
  if (text === '') return 'is missing';
  const [, host, digits] = /^(\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/i.exec(text) ?? [];
  if (host === undefined) return 'is not host:port; an @, a slash or a blank in a password must be percent-encoded';
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port < 1 || port > 65_535) return 'has a port that is not in 1–65535';
  return { host: host.replace(/^\[|\]$/g, ''), port };
}

function readCredentials(userInfo: string | undefined): RedisCredentials | undefined {
  if (!userInfo) return { username: null, password: null };
  const colon = userInfo.indexOf(':');
  try {
    const username = decodeURIComponent(colon < 0 ? userInfo : userInfo.slice(0, colon));
    const password = colon < 0 ? null : decodeURIComponent(userInfo.slice(colon + 1));
    return { username: username === '' ? null : username, password };
  } catch {
    return undefined;
  }
}

function readDb(text: string): number | undefined {
  if (text === '') return 0;
  return /^\d{1,4}$/.test(text) && Number(text) < 1024 ? Number(text) : undefined;
}
