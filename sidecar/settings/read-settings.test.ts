import test from 'ava';
import { formatProblem } from '../../proto/config-file/problem.ts';
import { readSettings, type ReadSettings } from './read-settings.ts';

const needed = ['--xds', '127.0.0.1:18000', '--ext-proc', '/run/a.sock'];
const noFile = (): string => {
  throw new Error('ENOENT: no such file');
};
const problemsOf = (read: ReadSettings): string[] => (read.kind === 'bad' ? read.problems.map(({ path }) => path) : []);

test('flags alone are enough; the rest has defaults', (t) => {
  const read = readSettings(needed, {}, noFile);
  t.is(read.kind, 'ok');
  if (read.kind !== 'ok') return;
  t.like(read.settings, {
    nodeId: 'gateway-1',
    controlPlanes: ['127.0.0.1:18000'],
    extProc: { kind: 'unix', path: '/run/a.sock' },
    relay: { host: '127.0.0.1', port: 7900 },
    peer: null,
  });
  t.is(read.settings.shared.ha.failoverTimeoutMs, 10_000);
});

test('a flag wins over the environment, the environment over the file', (t) => {
  const file = () => 'ha: {nodeId: from-file, failoverTimeoutMs: 7000}\nservers: [{name: ignored-here}]\nport: 4000\n';
  const read = readSettings(
    [...needed, '--config', 'x.yaml', '--node-id', 'from-flag'],
    { HA_NODE_ID: 'from-env', PORT: '5000' },
    file,
  );
  t.is(read.kind, 'ok');
  if (read.kind !== 'ok') return;
  t.is(read.settings.nodeId, 'from-flag');
  t.is(read.settings.shared.ha.nodeId, 'from-env');
  t.is(read.settings.shared.ha.failoverTimeoutMs, 7000);
  t.is(read.settings.shared.port, 5000);
});

test('a pod that joined finds Redis and its certificate in one folder, whatever the environment says', (t) => {
  const files: Record<string, string> = { '/joined/redis-url': 'rediss://gateway:pw@redis:6379' };
  const readFile = (path: string): string => files[path] ?? noFile();
  const flags = ['--xds', '10.0.0.1:18000', '--ext-proc', '/run/a.sock', '--joined'];
  const read = readSettings([...flags, '/joined'], { SESSION_STORE: 'memory' }, readFile);
  t.is(read.kind, 'ok');
  if (read.kind !== 'ok') return;
  t.like(read.settings, { certs: '/joined', hasJoined: true });
  t.like(read.settings.shared.sessionStore, { type: 'redis', url: 'rediss://gateway:pw@redis:6379' });
  t.deepEqual(problemsOf(readSettings([...flags, '/nothing'], {}, readFile)), ['/nothing/redis-url']);
  t.deepEqual(problemsOf(readSettings([...flags, '/joined', '--certs', '/certs'], {}, readFile)), ['--joined']);
});

test('with certificates the relay’s plain port is on loopback, and neighbours have one of their own; without, they can’t', (t) => {
  const read = readSettings([...needed, '--certs', '/etc/certs', '--relay-peer', '0.0.0.0:7903'], {}, noFile);
  t.is(read.kind, 'ok');
  if (read.kind === 'ok') t.deepEqual(read.settings.relayPeer, { host: '0.0.0.0', port: 7903 });
  t.deepEqual(problemsOf(readSettings([...needed, '--certs', '/etc/certs', '--relay', '0.0.0.0:7900'], {}, noFile)), [
    '--relay',
  ]);
  t.deepEqual(problemsOf(readSettings([...needed, '--relay-peer', '0.0.0.0:7903'], {}, noFile)), ['--relay-peer']);
});

test('without certificates every port, and every control plane, is on loopback; the problem says what to do', (t) => {
  const off = (...args: string[]) => readSettings([...args, '--ext-proc', '/run/a.sock'], {}, noFile);
  for (const [name, value] of [
    ['--relay', '0.0.0.0:7900'],
    ['--peer', '[::]:7902'],
    ['--admin', '10.0.0.5:7901'],
    ['--admin', '127.evil.example:7901'],
  ] as const)
    t.deepEqual(problemsOf(off('--xds', '127.0.0.1:18000', name, value)), [name], value);
  t.deepEqual(problemsOf(off('--xds', '127.0.0.1:18000,control-plane:18000')), ['--xds']);
  t.deepEqual(problemsOf(readSettings(['--xds', '[::1]:1', '--ext-proc', '0.0.0.0:9'], {}, noFile)), ['--ext-proc']);
  const read = off('--xds', '127.0.0.1:1', '--peer', '0.0.0.0:7902');
  t.regex(read.kind === 'bad' ? formatProblem(read.problems[0]!, '') : '', /--peer.*--certs.*holdfast certs init/s);
  const secured = [
    '--xds',
    'control-plane:18000',
    '--peer',
    '0.0.0.0:7902',
    '--admin',
    '0.0.0.0:7901',
    '--certs',
    '/c',
  ];
  t.is(off(...secured).kind, 'ok');
  t.deepEqual(
    problemsOf(off(...secured, '--relay', '0.0.0.0:7900')),
    ['--relay'],
    'the plain relay stays this node’s own',
  );
});

test('every problem is told at once, by the name that the operator wrote', (t) => {
  const read = readSettings(
    ['--ext-proc', 'x'.repeat(120), '--relai', '127.0.0.1:1', '--admin', 'nonsense', '--xds', 'host:99999'],
    { CIRCUIT_BREAKER_THRESHOLD: 'many', SESSION_STORE: 'files' },
    noFile,
  );
  t.deepEqual(
    problemsOf(read).sort(),
    ['--admin', '--ext-proc', '--relai', '--xds', 'CIRCUIT_BREAKER_THRESHOLD', 'SESSION_STORE'].sort(),
  );
});

test('a configuration file that is missing, broken or no mapping is a problem with its place', (t) => {
  const withFile = (content: () => string) => readSettings([...needed, '--config', 'x.yaml'], {}, content);
  t.deepEqual(problemsOf(withFile(noFile)), ['x.yaml']);
  t.deepEqual(problemsOf(withFile(() => 'a: [')), ['x.yaml']);
  t.deepEqual(problemsOf(withFile(() => '- a list')), ['x.yaml']);
});

test('IPv6 addresses, unix: sockets and TCP ext_proc are read', (t) => {
  const read = readSettings(
    ['--xds', '[::1]:18000, localhost:1', '--ext-proc', '127.0.0.1:9000', '--peer', '[::1]:7902'],
    {},
    noFile,
  );
  t.is(read.kind, 'ok');
  if (read.kind !== 'ok') return;
  t.deepEqual(read.settings.controlPlanes, ['[::1]:18000', 'localhost:1']);
  t.deepEqual(read.settings.extProc, { kind: 'tcp', host: '127.0.0.1', port: 9000 });
  t.deepEqual(read.settings.peer, { host: '::1', port: 7902 });
});

test('a file of aliases that hold themselves is a problem with its place, not an exception', (t) => {
  const read = readSettings([...needed, '--config', 'x.yaml'], {}, () => 'ha: &a {x: *a}');
  t.deepEqual(problemsOf(read), ['x.yaml']);
});
