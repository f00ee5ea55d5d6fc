import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { readMeshName, speaksFor } from '../../proto/identity/mesh-name.ts';
import { redisUsers } from '../compose/redis-users.ts';
import { nodeProgram } from '../test/mesh/node-program.ts';
import { temporaryFolder } from '../test/mesh/temporary-folder.ts';
import { checkManifest } from './check-manifest.ts';
import { redisSecrets } from './redis-secrets.ts';

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const documents = (name: string): unknown[] => parseAllDocuments(read(name)).map((document) => document.toJS());
const manifestsIn = (folder: string): unknown[] =>
  readdirSync(new URL(folder, import.meta.url))
    .filter((name) => name.endsWith('.yaml') && !['kustomization.yaml', 'holdfast.yaml'].includes(name))
    .flatMap((name) => documents(`${folder}/${name}`));

interface SecretManifest {
  metadata: { name: string };
  stringData: Record<string, string>;
}

/** Every mapping inside of a value, itself included. */
function mappings(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.values(value).flatMap(mappings);
  return Array.isArray(value) ? inside : [value as Record<string, unknown>, ...inside];
}

/** Names of Secrets that pods mount or read, with the keys that they read by name. */
function secretsUsed(manifests: unknown[]): Map<string, Set<string>> {
  const used = new Map<string, Set<string>>();
  const add = (name: unknown, key?: unknown): void => {
    const keys = used.get(String(name)) ?? new Set();
    if (key !== undefined) keys.add(String(key));
    used.set(String(name), keys);
  };
  for (const each of manifests.flatMap(mappings)) {
    const { secret, secretKeyRef } = each as Record<string, Record<string, unknown> | undefined>;
    if (secret?.['secretName'] !== undefined) add(secret['secretName']);
    if (secretKeyRef) add(secretKeyRef['name'], secretKeyRef['key']);
  }
  return used;
}

/** Secrets that the commands of a comment make in a namespace, with their keys. */
const secretsMade = (text: string): Map<string, Set<string>> =>
  new Map(
    [...text.matchAll(/kubectl -n holdfast create secret generic (\S+)(.*)$/gm)].map(([, name = '', rest = '']) => [
      name,
      new Set([...rest.matchAll(/--from-(?:file|literal)=([\w.-]+)=/g)].map(([, key = '']) => key)),
    ]),
  );

/** Keys that configurations and command lines read out of the folder of a Secret. */
const FILES: Record<string, string[]> = {
  'holdfast-admin': ['token'],
  'holdfast-control-plane-tls': ['tls.crt', 'tls.key', 'ca.crt'],
  'holdfast-gateway-tls': ['tls.crt', 'tls.key', 'ca.crt'],
  'holdfast-redis-users': ['users.acl'],
  'holdfast-redis-server': ['redis.crt', 'redis.key', 'ca.crt'],
  'holdfast-redis-ca': ['ca.crt'],
};

for (const { what, folders, docs } of [
  { what: 'the base', folders: ['base'], docs: ['base'] },
  { what: 'overlays/redis-tls', folders: ['base', 'overlays/redis-tls'], docs: ['base', 'overlays/redis-tls'] },
])
  test(`every Secret that ${what} needs is made by a command that it documents, with the keys that are read`, (t) => {
    const made = secretsMade(docs.map((folder) => read(`${folder}/kustomization.yaml`)).join('\n'));
    const used = secretsUsed(folders.flatMap(manifestsIn));
    t.deepEqual([...made.keys()].sort(), [...used.keys()].sort());
    for (const [name, keys] of used)
      for (const key of [...keys, ...(FILES[name] ?? [])]) t.true(made.get(name)?.has(key), `${name}: ${key}`);
  });

test('one command makes every Secret that the base needs, with the keys that are read', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(() => folder.remove());
  const { command, args } = nodeProgram('deploy/kubernetes/write-secrets.ts', [folder.path, '--join']);
  await promisify(execFile)(command, args);
  const text = readFileSync(join(folder.path, 'secrets.yaml'), 'utf8');
  const manifests = parseAllDocuments(text).map((each) => each.toJS() as SecretManifest);
  for (const each of manifests) t.deepEqual(checkManifest(each), []);
  const made = new Map(manifests.map(({ metadata, stringData }) => [metadata.name, stringData]));
  for (const [name, keys] of secretsUsed(manifestsIn('base')))
    for (const key of [...keys, ...(FILES[name] ?? [])]) t.truthy(made.get(name)?.[key], `${name}: ${key}`);
  t.is(made.get('holdfast-mesh-authority')?.['tls.crt'], made.get('holdfast-gateway-tls')?.['ca.crt']);
  const names = ['control-plane', 'gateway'].map(
    (name) => new X509Certificate(made.get(`holdfast-${name}-tls`)?.['tls.crt'] ?? '').subjectAltName ?? '',
  );
  t.regex(
    names[0] ?? '',
    /DNS:holdfast-control-plane\.holdfast\.svc.*URI:spiffe:\/\/holdfast\/control-plane\/control-plane/,
  );
  t.regex(names[1] ?? '', /URI:spiffe:\/\/holdfast\/gateway\/holdfast-gateway\/pods/);
  await t.throwsAsync(promisify(execFile)(command, args), { message: /has secrets already/ }, 'never twice');
});

test('the deployment guide has the same commands as the base, and names the Secrets of injected pods', (t) => {
  const guide = read('../README.md');
  const commands = read('base/kustomization.yaml').match(/(?<=^# {3})(kubectl|node|holdfast) .*$/gm) ?? [];
  t.true(commands.length >= 9);
  for (const command of commands) t.true(guide.includes(`\n${command}\n`), command);
  const inject = read('overlays/inject/kustomization.yaml').match(/(?<=^# {3})(kubectl|holdfast) .*$/gm) ?? [];
  t.is(inject.length, 5);
  for (const command of inject) t.true(guide.includes(`\n${command}\n`), command);
});

test('Redis’s users are those of compose, without a replica; Redis has sums of passwords alone, and only one control plane URL', (t) => {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const files = redisSecrets({ gateway: 'one', controlPlane: 'two', admin: 'three' }, 'redis');
  t.is(
    files['users.acl'],
    redisUsers({ gateway: sha256('one'), controlPlane: sha256('two'), replica: null, admin: sha256('three') }),
  );
  t.regex(files['users.acl'] ?? '', /^user default off resetpass /);
  t.notRegex(files['users.acl'] ?? '', /user replica|nopass|null/);
  t.is(files['gateway-url'], 'redis://holdfast-gateway:one@holdfast-redis.holdfast:6379');
  t.is(files['probe-password'], 'one');
  const tls = redisSecrets({ gateway: 'one', controlPlane: 'two', admin: 'three' }, 'rediss');
  t.is(tls['control-plane-url'], 'rediss://holdfast-control-plane:two@holdfast-redis.holdfast:6379');
});

test('no manifest or comment has an ACL, a password or a Redis that is open', (t) => {
  for (const folder of ['base', 'overlays/redis-tls', 'overlays/inject', 'overlays/production'])
    for (const name of readdirSync(new URL(folder, import.meta.url))) {
      const text = read(`${folder}/${name}`);
      t.notRegex(text, /protected-mode,? *"?no/, name);
      t.notRegex(text, /redis:\/\/|\+@|nopass|requirepass/, name);
    }
  t.notRegex(read('../../docker-compose.yml'), /protected-mode,? *"?no/);
  for (const file of ['base/redis.yaml', 'overlays/redis-tls/redis.yaml'])
    t.regex(read(file), /--protected-mode, "yes".*--aclfile, \/etc\/redis-users\/users\.acl\]/s, file);
});

test('gateways have the gateways’ Redis user, control planes and backups the control planes’', (t) => {
  const urls = (file: string): string[] =>
    documents(file)
      .flatMap(mappings)
      .flatMap(({ secretKeyRef }) => (secretKeyRef ? [(secretKeyRef as { name: string }).name] : []));
  t.deepEqual(urls('base/gateway.yaml'), ['holdfast-redis']);
  t.deepEqual(urls('base/control-plane.yaml'), ['holdfast-redis-control-plane']);
  t.deepEqual(urls('base/backup.yaml'), ['holdfast-redis-control-plane']);
});

test('cert-manager makes the same Secrets and names as the commands do', (t) => {
  const manifests = documents('components/cert-manager/certificates.yaml') as Array<{
    kind: string;
    spec: { secretName: string; uris?: string[]; dnsNames?: string[]; isCA?: boolean };
  }>;
  for (const manifest of manifests) t.deepEqual(checkManifest(manifest), []);
  const leaves = manifests.filter(({ kind, spec }) => kind === 'Certificate' && spec.isCA !== true);
  t.deepEqual(
    leaves.map(({ spec }) => spec.secretName),
    ['holdfast-control-plane-tls', 'holdfast-gateway-tls'],
  );
  const [controlPlane, gateway] = leaves.map(({ spec }) => ({ ...spec, names: spec.uris?.map(readMeshName) }));
  t.deepEqual(controlPlane?.names, [
    { trustDomain: 'holdfast', role: 'control-plane', id: 'control-plane', isGroup: false },
  ]);
  t.deepEqual(gateway?.names, [{ trustDomain: 'holdfast', role: 'gateway', id: 'holdfast-gateway', isGroup: true }]);
  const group = gateway?.names?.[0];
  t.true(group && speaksFor(group, 'holdfast-gateway-6d5f-abcde'));
  const init = /holdfast certs init control-plane=(\S+) gateway\/holdfast-gateway\/pods/.exec(
    read('base/kustomization.yaml'),
  );
  t.deepEqual(controlPlane?.dnsNames, init?.[1]?.split(','));
});
