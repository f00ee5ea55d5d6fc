import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { VERSION } from '../../proto/version.ts';
import { imageSize } from './image-size.ts';
import { IMAGES, MAX_IMAGE_MB, NPM_PACKAGES, type PackagePlan } from './packages.ts';
import { writePackage } from './write-package.ts';

const exec = promisify(execFile);
/** Runs a program with this Node first on the PATH, whichever Node the machine has. */
const run = (program: string, args: string[], { cwd }: { cwd?: string } = {}) =>
  exec(program, args, {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` },
  });
const root = resolve(import.meta.dirname, '../..');
interface Manifest {
  name: string;
  version: string;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
}

const folder = await mkdtemp(join(tmpdir(), 'holdfast-package-'));
test.after.always(() => rm(folder, { recursive: true, force: true }));

const written = new Map<string, Promise<string>>();
/** Folder of a package; each is written once. */
function packageOf(plan: PackagePlan, as: 'javascript' | 'sources' = 'javascript'): Promise<string> {
  const key = `${as}-${plan.name}`;
  const to = join(folder, key);
  const known = written.get(key) ?? writePackage(plan, { root, to, as }).then(() => to);
  written.set(key, known);
  return known;
}

const filesOf = async (at: string): Promise<string[]> =>
  (await readdir(at, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(at.length + 1));
const manifestOf = async (at: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(at, 'package.json'), 'utf8')) as Manifest;

/** The package below a node_modules folder that holds what it depends on, and nothing else. */
async function installed(plan: PackagePlan): Promise<string> {
  const modules = join(folder, `in-${plan.name}`, 'node_modules');
  const at = join(modules, plan.name);
  await cp(await packageOf(plan), at, { recursive: true });
  for (const name of Object.keys((await manifestOf(at)).dependencies)) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  return at;
}

for (const plan of NPM_PACKAGES) {
  test(`${plan.name} holds JavaScript without tests, and each of its commands starts`, async (t) => {
    const at = await installed(plan);
    t.deepEqual(
      (await filesOf(at)).filter((path) => /\.ts$|\.test\.|golden\//.test(path)),
      [],
    );
    const { name, version, bin } = await manifestOf(at);
    t.deepEqual([name, version, Object.keys(bin)], [plan.name, VERSION, Object.keys(plan.commands)]);
    for (const [command, path] of Object.entries(bin)) {
      const { stdout: help } = await run(process.execPath, [join(at, path), '--help']);
      t.regex(help, /usage|--/i, command);
      const { stdout: told } = await run(process.execPath, [join(at, path), '--version']);
      t.is(told, `${VERSION}\n`, command);
    }
  });
}

test('an older Node is refused in one sentence', async (t) => {
  const cli = await packageOf(NPM_PACKAGES[0] as PackagePlan);
  const launcher = await readFile(join(cli, 'bin/holdfast.js'), 'utf8');
  const older = join(folder, 'older.mjs');
  await writeFile(older, launcher.replace('process.versions.node.split', "'20.19.2'.split"));
  const refused = (await run(process.execPath, [older]).catch((error: object) => error)) as {
    code?: number;
    stderr: string;
  };
  t.is(refused.code, 69);
  t.regex(refused.stderr, /^holdfast: needs Node 22\.20 or later, this one is [\d.]+\n$/);
});

test('the sidecar holds no Kubernetes client, no SDK, and nothing of the holdfast command', async (t) => {
  const sidecar = NPM_PACKAGES.find(({ name }) => name === 'holdfast-sidecar') as PackagePlan;
  const at = await packageOf(sidecar);
  const { dependencies } = await manifestOf(at);
  for (const name of ['@kubernetes/client-node', '@modelcontextprotocol/sdk', '@peculiar/x509', 'diff'])
    t.false(name in dependencies, name);
  const files = await filesOf(at);
  t.true(files.some((path) => path.startsWith('sidecar/')));
  t.deepEqual(
    files.filter((path) => path.startsWith('control-plane/')),
    [],
  );
});

for (const plan of IMAGES) {
  test(`the image ${plan.name} holds at most ${MAX_IMAGE_MB} MB above its base`, async (t) => {
    const { total, sources, packages, compiled } = await imageSize(root, await packageOf(plan, 'sources'), plan);
    for (const part of [sources, packages, compiled]) t.true(part > 0);
    t.true(total < MAX_IMAGE_MB * 1_000_000, `${total} bytes`);
  });

  test(`the image ${plan.name} holds its programs as they are, and every file that the Dockerfile runs`, async (t) => {
    const at = await packageOf(plan, 'sources');
    const dockerfile = await readFile(join(root, 'deploy/Dockerfile'), 'utf8');
    const stage = dockerfile.split(`AS ${plan.name}\n`)[1]?.split('\nFROM ')[0] ?? '';
    const named = [...stage.matchAll(/ ([\w-]+\/[\w/-]+\.ts)\b/g)].flatMap(([, path]) => path ?? []);
    t.true(stage.includes(`/packages/${plan.name} `));
    t.true(dockerfile.includes('rm -rf node_modules/bare-*; find node_modules'), 'image-size.ts leaves the same out');
    for (const path of [...named, ...(plan.programs ?? [])]) t.true(existsSync(join(at, path)), path);
  });
}

test('images are built for amd64 and arm64 from the same packages, because none of them has native code', async (t) => {
  for (const plan of IMAGES) {
    const lock = JSON.parse(await readFile(join(await packageOf(plan, 'sources'), 'npm-shrinkwrap.json'), 'utf8')) as {
      packages: Record<string, { cpu?: string[]; os?: string[] }>;
    };
    const entries = Object.entries(lock.packages);
    t.true(entries.length > 1);
    t.deepEqual(
      entries.filter(([, { cpu, os }]) => cpu ?? os).map(([path]) => path),
      [],
      plan.name,
    );
  }
  const [shared = '', ...others] = (await readFile(join(root, 'deploy/Dockerfile'), 'utf8')).match(/^FROM .*$/gm) ?? [];
  t.regex(shared, /--platform=\$BUILDPLATFORM .* AS packages$/);
  t.deepEqual(
    others.filter((line) => line.includes('--platform')),
    [],
    'compiled code is made by the Node of the image’s own architecture',
  );
  const builds = (await readFile(join(root, '.github/workflows/images.yml'), 'utf8')).match(/buildx build.*/g) ?? [];
  t.true(builds.length > 0);
  for (const build of builds) t.true(build.includes('--platform linux/amd64,linux/arm64'), build);
});
