import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import test from 'ava';
import { stringify } from 'yaml';
import { ensureEnvoy } from '../../deploy/setup/binaries.ts';
import { packResource } from '../xds/resource.ts';
import { snapshotProblems } from '../xds/snapshot-problems.ts';
import { envoyAddress } from './address.ts';
import { createAuthority, issueLeaf } from '../certs/authority.ts';
import { goldenCases, TLS_FOLDER } from './testing/golden-cases.ts';
import { edgeResources, gatewayResources, sidecarResources, type PlainResources } from './resources-for.ts';
import { staticConfig } from './testing/static-config.ts';

const shortName = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
const cases = goldenCases();
const base = gatewayResources(cases[0]!.snapshot, cases[0]!.node);
/** Resources by type and name; those of the first case are not written out again. */
const readable = (resources: PlainResources): object =>
  Object.fromEntries(
    [...resources].map(([typeUrl, byName]) => [
      shortName(typeUrl),
      Object.fromEntries(
        [...byName].map(([name, json]) => {
          const isKnown = resources !== base && isDeepStrictEqual(json, base.get(typeUrl)?.get(name));
          return [name, isKnown ? `as in ${cases[0]!.name}.yaml` : json];
        }),
      ),
    ]),
  );
const pack = (resources: PlainResources) =>
  new Map(
    [...resources].map(([typeUrl, byName]) => [
      typeUrl,
      new Map([...byName].map(([name, json]) => [name, packResource(typeUrl, name, json)])),
    ]),
  );

for (const { name, description, snapshot, node } of cases) {
  const resources =
    name === cases[0]!.name
      ? base
      : node.role === 'edge'
        ? edgeResources(snapshot, node)!
        : gatewayResources(snapshot, node);

  test(`${name}: ${description}: the resources are those of the golden file (UPDATE_GOLDEN=1 writes it anew)`, async (t) => {
    const file = join(import.meta.dirname, 'golden', `${name}.yaml`);
    const text = `# ${description}\n${stringify({ [node.role]: readable(resources), ...(node.role === 'gateway' && { sidecar: readable(sidecarResources(snapshot)) }) }, { lineWidth: 0, aliasDuplicateObjects: false })}`;
    if (process.env['UPDATE_GOLDEN']) await writeFile(file, text);
    t.is(text, await readFile(file, 'utf8'));
  });

  test(`${name}: nothing is lost in encoding, and every reference leads somewhere`, (t) => {
    t.deepEqual(snapshotProblems(pack(resources), new Set()), []);
    t.notThrows(() => pack(sidecarResources(snapshot)));
  });

  test(`${name}: Envoy accepts the resources as a static configuration`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-golden-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const file = join(folder, 'envoy.json');
    const text = JSON.stringify(staticConfig(resources, envoyAddress('127.0.0.1:0')));
    if (text.includes(TLS_FOLDER)) {
      const authority = await createAuthority({ name: 'test', days: 1, now: new Date() });
      const leaf = await issueLeaf(authority, { name: 'edge', altNames: ['localhost'], days: 1, now: new Date() });
      await Promise.all([
        writeFile(join(folder, 'tls.crt'), leaf.certificate),
        writeFile(join(folder, 'tls.key'), leaf.key),
        writeFile(join(folder, 'otlp-token'), 'Bearer token'),
      ]);
    }
    await writeFile(file, text.replaceAll(TLS_FOLDER, folder));
    const { stdout } = await promisify(execFile)(await ensureEnvoy(), [
      '--mode',
      'validate',
      '-c',
      file,
      '--disable-hot-restart',
      '-l',
      'error',
    ]);
    t.regex(stdout, /OK/);
  });
}
