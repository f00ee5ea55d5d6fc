import type { Config } from './config-schema.ts';
import { isLoopback } from '../../proto/identity/host.ts';
import { readAddress } from './address.ts';
import { GRACE_MARGIN_SECONDS } from './kubernetes-schema.ts';
import { publicUrlOf } from './public-url.ts';
import type { ServerConfig } from './server-schema.ts';
import type { Described } from './describe-issue.ts';

type Say = (path: PropertyKey[], expected: string, got: string, suggestion?: string) => void;

/** Says where a name stands that stood before. */
function unique(names: ReadonlyArray<{ name: string; path: PropertyKey[] }>, what: string, say: Say): void {
  const seen = new Set<string>();
  for (const { name, path } of names) {
    if (seen.has(name)) say(path, `a ${what} that is used once`, `${JSON.stringify(name)} again`);
    seen.add(name);
  }
}

function checkHeaderFiles({ headerFiles, jwt }: ServerConfig, at: PropertyKey[], say: Say): void {
  for (const name of Object.keys(headerFiles))
    if (jwt && Object.hasOwn(jwt.claimHeaders, name))
      say([...at, 'headerFiles', name], 'a header that `jwt.claimHeaders` does not set', 'both');
}

function checkServer(server: ServerConfig, at: PropertyKey[], say: Say): void {
  unique(
    server.backends.map(({ name }, index) => ({ name, path: [...at, 'backends', index, 'name'] })),
    'backend name',
    say,
  );
  if (server.backends.every((each) => each.weight === 0))
    say(
      [...at, 'backends'],
      'at least one backend with a weight above 0',
      'weights that sum to 0',
      'New sessions would have nowhere to go.',
    );
  if (server.cors && server.allowedOrigins.length === 0)
    say([...at, 'cors'], '`allowedOrigins` beside it', 'none', 'Name the origins whose pages may read answers.');
  if (server.cors?.allowCredentials && server.allowedOrigins.includes('*'))
    say([...at, 'cors', 'allowCredentials'], 'named origins', '`*`', 'Any page could act with a user’s cookies.');
  checkHeaderFiles(server, at, say);
  const replicas: Array<{ address: string; name: string; path: PropertyKey[] }> = [];
  server.backends.forEach((backend, index) => {
    const here = [...at, 'backends', index];
    if (backend.replicas && backend.discovery) say([...here, 'discovery'], 'either `replicas` or `discovery`', 'both');
    if (!backend.replicas && !backend.discovery) say(here, '`replicas` or `discovery`', 'neither');
    if (
      backend.discovery?.type === 'dns' &&
      backend.discovery.record !== 'SRV' &&
      backend.discovery.port === undefined
    ) {
      say(
        [...here, 'discovery'],
        `a port for records of type ${backend.discovery.record}`,
        'none',
        'Add `port`, or use `record: SRV`.',
      );
    }
    if (backend.tls && (backend.tls.certificateFile === undefined) !== (backend.tls.keyFile === undefined))
      say([...here, 'tls'], 'certificateFile and keyFile together', 'one of them');
    if (backend.tls && backend.tls.caFile === undefined && backend.tls.serverName === undefined)
      say(
        [...here, 'tls'],
        'caFile, serverName, or both',
        'neither',
        'Without them any certificate on earth would do: name the authority, or the name to find.',
      );
    replicas.push(...(backend.replicas ?? []).map((replica, at) => ({ ...replica, path: [...here, 'replicas', at] })));
  });
  unique(
    replicas.map(({ address, path }) => ({ name: address, path })),
    'replica address in this server',
    say,
  );
  // A replica without a name is called by its address, which was just checked.
  unique(
    replicas.filter((each) => each.name !== each.address),
    'replica name in this server',
    say,
  );
  const guardsCalls = server.guard.includes('calls');
  if (!guardsCalls && Object.keys(server.timeouts.toolMs).length > 0)
    say(
      [...at, 'timeouts', 'toolMs'],
      '`guard` with calls',
      'a guard without',
      'Only the relay knows a call’s tool and progress; use timeouts.callMs, or guard calls.',
    );
  if (!guardsCalls && server.sharedCache)
    say([...at, 'sharedCache'], '`guard` with calls', 'a guard without', 'The relay keeps the cache.');
  if (server.countToolErrors && !server.toolBreaker.enabled)
    say([...at, 'countToolErrors'], 'toolBreaker.enabled', 'false', 'There is no breaker to count for.');
  for (const level of ['replicaBreaker', 'toolBreaker'] as const) {
    if (server[level].maxTimeoutMs < server[level].timeoutMs)
      say(
        [...at, level, 'maxTimeoutMs'],
        `timeoutMs (${server[level].timeoutMs}) or more`,
        String(server[level].maxTimeoutMs),
      );
  }
  if (server.timeouts.connectMs > server.timeouts.recoveryMs)
    say(
      [...at, 'timeouts', 'connectMs'],
      `recoveryMs (${server.timeouts.recoveryMs}) or less`,
      String(server.timeouts.connectMs),
      'A recovery has to connect as well.',
    );
  if (server.jwt && (server.jwt.jwksFile === undefined) === (server.jwt.jwksUrl === undefined))
    say([...at, 'jwt'], 'exactly one of jwksFile and jwksUrl', server.jwt.jwksFile === undefined ? 'neither' : 'both');
}

function checkJwt(server: ServerConfig, config: Config, at: PropertyKey[], say: Say): void {
  if (!server.jwt) return;
  if (server.routes.length > 0)
    say([...at, 'routes'], 'none, since the server has `jwt`', 'routes', 'They would be reached without a token.');
  if (publicUrlOf(config) === null)
    say(
      ['publicUrl'],
      'the URL by which clients reach the mesh, since a server has `jwt`',
      'none',
      'Clients are told with it where to log in, and tokens are made for it.',
    );
  if (server.bind === 'off')
    say(
      [...at, 'bind'],
      'principal or token, since the server has `jwt`',
      'off',
      'Where tokens are verified every session is its user’s own.',
    );
}

function checkRules({ authorization, fleetLimits, jwt, guard }: ServerConfig, at: PropertyKey[], say: Say): void {
  if (authorization && !guard.includes('calls'))
    say([...at, 'authorization'], '`guard` with calls', 'a guard without', 'The relay compares calls with the rules.');
  if (fleetLimits.length > 0 && !guard.includes('calls'))
    say([...at, 'fleetLimits'], '`guard` with calls', 'a guard without', 'The relay counts calls for the fleet.');
  unique(
    fleetLimits.map(({ name }, index) => ({ name, path: [...at, 'fleetLimits', index, 'name'] })),
    'limit name',
    say,
  );
  const rules = authorization?.rules ?? [];
  unique(
    rules.map(({ name }, index) => ({ name, path: [...at, 'authorization', 'rules', index, 'name'] })),
    'rule name',
    say,
  );
  for (const [index, { name, claims }] of rules.entries()) {
    if (name === 'default')
      say([...at, 'authorization', 'rules', index, 'name'], 'another name', name, 'It stands for no rule.');
    if (jwt === undefined && Object.keys(claims).length > 0)
      say(
        [...at, 'authorization', 'rules', index, 'claims'],
        '`jwt` beside the rules',
        'claims that nobody verifies',
        'Without `jwt` anybody could say anything of himself.',
      );
  }
}

function checkInjection({ kubernetes, tls }: Config['controlPlane'], say: Say): void {
  const injection = kubernetes?.injection;
  if (injection && tls?.clientCaFile === undefined)
    say(
      ['controlPlane', 'kubernetes', 'injection'],
      'controlPlane.tls with clientCaFile beside it',
      'none',
      'The API server asks over TLS alone, and has to know the authority: make certificates with `holdfast certs init`.',
    );
  if (injection?.drainSeconds !== undefined && injection.drainSeconds > injection.graceSeconds - GRACE_MARGIN_SECONDS)
    say(
      ['controlPlane', 'kubernetes', 'injection', 'drainSeconds'],
      `at most ${injection.graceSeconds - GRACE_MARGIN_SECONDS}, ${GRACE_MARGIN_SECONDS} less than graceSeconds`,
      String(injection.drainSeconds),
      'The kubelet would cut the calls.',
    );
}

/** What in one server contradicts itself; paths begin at the server. `config`: what it stands in. */
export function serverProblems(server: ServerConfig, config: Config): Described[] {
  const found: Described[] = [];
  const say: Say = (path, expected, got, suggestion) =>
    found.push({ path, expected, got, suggestion: suggestion ?? null });
  checkOne(server, config, [], say);
  return found;
}

function checkOne(server: ServerConfig, config: Config, at: PropertyKey[], say: Say): void {
  checkServer(server, at, say);
  checkJwt(server, config, at, say);
  checkRules(server, at, say);
}

/** What the schema alone can't see: things that contradict each other. */
export function semanticProblems(config: Config): Described[] {
  const found: Described[] = [];
  const say: Say = (path, expected, got, suggestion) =>
    found.push({ path, expected, got, suggestion: suggestion ?? null });
  unique(
    config.servers.map(({ name }, index) => ({ name, path: ['servers', index, 'name'] })),
    'server name',
    say,
  );
  for (const [index, server] of config.servers.entries()) checkOne(server, config, ['servers', index], say);

  unique(
    config.servers.flatMap(({ hosts }, of) => hosts.map((name, at) => ({ name, path: ['servers', of, 'hosts', at] }))),
    'host',
    say,
  );

  const { ha, sessionStore, controlPlane, edge } = config;
  unique(
    ha.clusterNodes.map((name, index) => ({ name, path: ['ha', 'clusterNodes', index] })),
    'node name',
    say,
  );
  if (sessionStore.type === 'memory' && ha.clusterNodes.length > 1)
    say(
      ['sessionStore', 'type'],
      'redis when several gateway nodes share sessions',
      'memory',
      'Use redis, or name one node in ha.clusterNodes.',
    );
  if (ha.mode === 'standalone' && ha.clusterNodes.length > 1)
    say(['ha', 'mode'], 'cluster when ha.clusterNodes names several', 'standalone');
  if (sessionStore.type === 'redis' && !/^rediss?(\+sentinel|\+cluster)?:\/\//.test(sessionStore.url))
    say(['sessionStore', 'url'], 'redis://, rediss://, redis+sentinel:// or redis+cluster://', 'another kind of URL');
  if (ha.failoverTimeoutMs < ha.healthCheckIntervalMs)
    say(
      ['ha', 'failoverTimeoutMs'],
      `healthCheckIntervalMs (${ha.healthCheckIntervalMs}) or more`,
      String(ha.failoverTimeoutMs),
      'A node would be gone between two heartbeats.',
    );

  const admin = readAddress(controlPlane.admin);
  if (controlPlane.admin === controlPlane.xds && admin?.port !== 0)
    say(['controlPlane', 'admin'], 'another address than controlPlane.xds', controlPlane.admin);
  const xds = readAddress(controlPlane.xds);
  if (xds && !isLoopback(xds.host) && controlPlane.tls?.clientCaFile === undefined)
    say(
      ['controlPlane', 'xds'],
      'a loopback address, or controlPlane.tls with clientCaFile',
      controlPlane.xds,
      'Without certificates whoever reaches this port becomes a gateway and gets clients’ tokens: make some with `holdfast certs init`.',
    );
  if (admin && !isLoopback(admin.host) && controlPlane.adminTokenFile === undefined)
    say(
      ['controlPlane', 'admin'],
      'a loopback address, or adminTokenFile',
      controlPlane.admin,
      'The admin API changes traffic: others need a token for it.',
    );
  checkInjection(controlPlane, say);
  if (edge && (edge.tlsListen === undefined) !== (edge.tls === undefined))
    say(['edge', edge.tls ? 'tls' : 'tlsListen'], 'tlsListen and tls together', 'one of them');
  if (edge?.tlsListen !== undefined && edge.tlsListen === edge.listen)
    say(['edge', 'tlsListen'], 'another address than edge.listen', edge.tlsListen);
  return found;
}
