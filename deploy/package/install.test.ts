import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { VERSION } from '../../proto/version.ts';
import { freePorts } from '../test/mesh/free-port.ts';
import { ManagedProcess, plainEnvironment } from '../test/mesh/managed-process.ts';
import { temporaryFolder } from '../test/mesh/temporary-folder.ts';
import { answers } from '../test/mesh/wait-for.ts';
import { NPM_PACKAGES, type Budget } from './packages.ts';
import { writePackage } from './write-package.ts';

const root = resolve(import.meta.dirname, '../..');
/** This Node is the first on the PATH, whichever Node the machine has. */
const PATH = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`;
const run = (program: string, args: string[], cwd: string) =>
  promisify(execFile)(program, args, { cwd, env: { ...process.env, PATH } });

const folder = await temporaryFolder('holdfast-install-');
test.after.always(() => folder.remove());

/** What the sidecar never carries: clients of Kubernetes, SDKs, and what only the command and the control plane use. */
const NOT_IN_THE_SIDECAR = /^(@kubernetes\/|@modelcontextprotocol\/|@peculiar\/|diff$|fastify)/;

interface Installation {
  /** The folder into which `npm install` put it; it was empty before. */
  path: string;
  /** Names of all packages that are there now, the package itself among them. */
  packages: string[];
  budget: Budget;
}

const installations = new Map<string, Promise<Installation>>();
/** Packs a package and installs its tarball into an empty folder, once. */
function installed(name: string): Promise<Installation> {
  const known = installations.get(name) ?? install(name);
  installations.set(name, known);
  return known;
}

async function install(name: string): Promise<Installation> {
  const plan = NPM_PACKAGES.find((each) => each.name === name);
  if (plan === undefined) throw new Error(`there is no package ${name}`);
  const source = join(folder.path, `${name}-source`);
  const path = join(folder.path, name);
  await mkdir(path);
  await writePackage(plan, { root, to: source, as: 'javascript' });
  const { stdout: tarball } = await run('npm', ['pack', '--silent', '--pack-destination', path], source);
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];
  await run('npm', ['install', ...flags, `./${tarball.trim()}`], path);
  const lock = JSON.parse(await readFile(join(path, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Record<string, unknown>;
  };
  const packages = Object.keys(lock.packages).map((at) => at.slice(at.lastIndexOf('node_modules/') + 13));
  return { path, packages, budget: plan.budget };
}

async function bytesIn(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map((file) => stat(join(file.parentPath, file.name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/** A command of an installed package, as its shell would find it. */
const bin = ({ path }: Installation, command: string): string => join(path, 'node_modules/.bin', command);

for (const { name, commands } of NPM_PACKAGES.filter(({ name: each }) => each !== 'holdfast-mesh')) {
  test(`${name} is installed from its tarball, within its budget, and its commands tell one version`, async (t) => {
    t.timeout(170_000);
    const installation = await installed(name);
    const { packages, budget, path } = installation;
    t.true(packages.includes(name));
    t.true(packages.length - 1 <= budget.packages, `${packages.length - 1} packages`);
    const megabytes = (await bytesIn(join(path, 'node_modules'))) / 1e6;
    t.true(megabytes <= budget.megabytes, `${megabytes} MB`);
    for (const command of Object.keys(commands))
      t.is((await run(bin(installation, command), ['--version'], path)).stdout, `${VERSION}\n`, command);
  });
}

test('the installed sidecar has no Kubernetes client, no SDK and nothing of the command, at any distance', async (t) => {
  t.timeout(170_000);
  const { packages } = await installed('holdfast-sidecar');
  t.deepEqual(
    packages.filter((name) => NOT_IN_THE_SIDECAR.test(name)),
    [],
  );
  const { packages: ofControlPlane } = await installed('holdfast-control-plane');
  t.true(ofControlPlane.some((name) => NOT_IN_THE_SIDECAR.test(name)));
});

test('the installed command refuses a wrong configuration, and says what was meant', async (t) => {
  t.timeout(170_000);
  const cli = await installed('holdfast');
  t.like(JSON.parse((await run('npx', ['holdfast', 'version', '--json'], cli.path)).stdout), { version: VERSION });
  await writeFile(join(cli.path, 'wrong.yaml'), 'servers: [{name: a, bakends: []}]\n');
  const refused = await run(bin(cli, 'holdfast'), ['validate', 'wrong.yaml'], cli.path).catch(
    (error: { code: number; stderr: string }) => error,
  );
  t.is((refused as { code?: number }).code, 64);
  t.regex(refused.stderr, /bakends.*backends/s);
});

test('an installed control plane and an installed sidecar get ready, and the installed command asks them', async (t) => {
  t.timeout(170_000);
  const [cli, controlPlane, sidecar] = await Promise.all(
    (['holdfast', 'holdfast-control-plane', 'holdfast-sidecar'] as const).map(installed),
  );
  if (!cli || !controlPlane || !sidecar) throw new Error('one of three installations is missing');
  const [xds, controlAdmin, relay, admin] = await freePorts(4);
  const start = async (at: Installation, command: string, args: string[], adminPort: number | undefined) => {
    const process_ = new ManagedProcess({
      name: command,
      command: bin(at, command),
      args,
      env: plainEnvironment({ PATH, SESSION_STORE: 'memory' }),
      logFile: join(at.path, `${command}.log`),
      isReady: () => answers(`http://127.0.0.1:${adminPort}/readyz`),
    });
    t.teardown(() => process_.stop());
    await process_.start();
  };
  const config = join(controlPlane.path, 'holdfast.yaml');
  await writeFile(config, 'servers: [{name: linear, backends: [{name: stable, replicas: ["127.0.0.1:9"]}]}]\n');
  const ports = ['--xds', `127.0.0.1:${xds}`, '--admin', `127.0.0.1:${controlAdmin}`];
  await start(controlPlane, 'holdfast-control-plane', ['--config', config, ...ports], controlAdmin);
  const socket = ['--ext-proc', join(sidecar.path, 'ext-proc.sock'), '--node-id', 'gateway-1'];
  const sidecarPorts = ['--relay', `127.0.0.1:${relay}`, '--admin', `127.0.0.1:${admin}`];
  const xdsPort = ['--xds', `127.0.0.1:${xds}`];
  await start(sidecar, 'holdfast-sidecar', [...socket, ...sidecarPorts, ...xdsPort], admin);
  const asked = await run(bin(cli, 'holdfast'), ['--admin', `127.0.0.1:${controlAdmin}`, 'servers'], cli.path);
  t.regex(asked.stdout, /linear/);
});
