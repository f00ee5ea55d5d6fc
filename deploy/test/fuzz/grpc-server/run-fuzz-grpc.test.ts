import test from 'ava';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { converse } from './converse.ts';
import { conversation } from './frames.ts';
import { runFuzzGrpc } from './run-fuzz-grpc.ts';

const CORPUS = new URL('../corpus/grpcServer/', import.meta.url);
const corpus = readdirSync(CORPUS)
  .sort()
  .map((file) => readFileSync(new URL(file, CORPUS)));

test('the gRPC server answers or closes whatever 300 mutated connections send, and loses no honest call', async (t) => {
  t.true(corpus.length > 0);
  const { objectives, failures } = await runFuzzGrpc({ executions: 300, seed: 20_261_129, corpus });
  t.deepEqual(
    objectives.filter(({ met }) => !met),
    [],
    failures.map(({ execution, problem }) => `#${execution}: ${problem}`).join('\n'),
  );
});

test('a server that leaves a whole call without an answer is found', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-silent-'));
  const silent = createServer((socket) => socket.resume().on('error', () => undefined));
  silent.listen(join(folder, 's.sock'));
  t.teardown(async () => {
    silent.close();
    await rm(folder, { recursive: true, force: true });
  });
  const whole = conversation(readFileSync(new URL('export', CORPUS)));
  t.deepEqual(whole.calls, [1, 3]);
  t.is(await converse(join(folder, 's.sock'), whole), 'no answer to the call on stream 1 of 2');
});
