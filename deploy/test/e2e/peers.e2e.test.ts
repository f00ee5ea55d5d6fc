import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { comparePeers } from '../bench/peers/compare-peers.ts';

/** A peer of the user's own: it passes bytes on to the first replica. */
const FORWARD = `
const { connect, createServer } = require('node:net');
const [all, port] = process.argv.slice(2);
createServer((socket) => {
  const upstream = connect(Number(all.split(',')[0].split(':')[1]), '127.0.0.1');
  for (const [one, other] of [[socket, upstream], [upstream, socket]])
    one.on('error', () => other.destroy()).on('close', () => other.destroy()).pipe(other);
}).listen(Number(port), '127.0.0.1');
`;

interface Figures {
  name: string;
  speed: { cpuUs: number; cpuUsOfEvents: number; errors: number };
  failover: { answered: number; errors: number; hangs: number; dead: number; stateful: number };
}

test('Holdfast and a peer of one’s own are loaded, and lose replicas, in one run', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'forward.yaml'),
    command = ['node', '{folder}/forward.cjs', '{replicas}', '{port}'];
  const description = {
    configuration: 'one replica',
    command,
    version: ['node', '-v'],
    files: { 'forward.cjs': FORWARD },
  };
  await writeFile(file, JSON.stringify(description));
  const said: string[] = [];
  const { objectives, figures } = await comparePeers({
    say: (text) => said.push(text),
    seconds: 0.3,
    rounds: 1,
    sessions: 4,
    kills: 1,
    peer: [`forward=${file}`],
    only: ['Holdfast, guarded', 'forward'],
  });
  const [holdfast, forward] = figures['peers'] as [Figures, Figures];
  t.deepEqual([holdfast.name, forward.name], ['Holdfast, guarded', 'forward']);
  for (const { speed } of [holdfast, forward]) {
    t.is(speed.errors, 0);
    t.true(speed.cpuUs > 0 && speed.cpuUsOfEvents > 0);
  }
  t.like(holdfast.failover, { errors: 0, hangs: 0, dead: 0, stateful: 4 });
  // All of its sessions are on the replica that was killed.
  t.like(forward.failover, { dead: 4, stateful: 4 });
  t.deepEqual(
    objectives.filter(({ met }) => !met),
    [],
    said.join('\n'),
  );
});

test('a name of --only that nobody has, and a --peer without a file, are refused', async (t) => {
  const run = (more: { peer?: string[]; only?: string[] }) =>
    comparePeers({ say: () => {}, seconds: 1, peer: [], only: [], ...more });
  await t.throwsAsync(run({ only: ['nginz'] }), { message: /no peer is called nginz; there are .*nginx/ });
  await t.throwsAsync(run({ peer: ['agentgateway'] }), { message: /expected NAME=FILE/ });
});
