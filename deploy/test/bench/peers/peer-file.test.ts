import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { filePeer } from './file-peer.ts';
import { filled, readPeerFile } from './peer-file.ts';

const filling = {
  port: 8080,
  folder: 'folder-of-the-peer',
  bin: 'programs',
  threads: 2,
  envelope: 'http://127.0.0.1:1/mcp',
  replicas: ['127.0.0.1:2', '127.0.0.1:3'],
};

test('the descriptions that come with the benchmark are whole', (t) => {
  for (const name of ['haproxy', 'nginx', 'mcp-proxy', 'fastmcp'])
    t.true(readPeerFile(join(import.meta.dirname, `${name}.yaml`)).configuration.length > 20, name);
});

test('placeholders are replaced, and a line about a replica is there once for each', (t) => {
  t.is(filled('bind {port} {threads}', filling), 'bind 8080 2');
  t.is(
    filled('a\nserver r{number} {replica};\nb {replicas}', filling),
    ['a', 'server r1 127.0.0.1:2;', 'server r2 127.0.0.1:3;', 'b 127.0.0.1:2,127.0.0.1:3'].join('\n'),
  );
});

test('a description that is none says which key is wrong, and what it expects', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'peer.yaml');
  const problem = async (text: string): Promise<string> => {
    await writeFile(file, text);
    return t.throws(() => readPeerFile(file))?.message ?? '';
  };
  t.regex(await problem('command: agentgateway'), /peer\.yaml.*configuration: .*; command: .*array.*haproxy\.yaml/);
  t.regex(await problem('{configuration: a, command: [a], version: [a], ports: 1}'), /"ports"/);
  t.regex(await problem('a: [b'), /can't be read/);
  t.regex(t.throws(() => readPeerFile(join(folder, 'absent')))?.message ?? '', /absent.*ENOENT/);
});

test('a peer whose program is missing is left out, with what to do about it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'peer.yaml');
  await writeFile(
    file,
    '{configuration: a, command: [no-such-proxy], version: [no-such-proxy, -v], install: build it}',
  );
  t.deepEqual(await filePeer('other', file), { name: 'other', why: 'no-such-proxy is not on PATH: build it' });
});
