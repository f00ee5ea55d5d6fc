import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { controlServer } from '../../../proto/http/control-server.ts';
import { adminApi } from '../../admin/api.ts';
import { sampleContext, SAMPLE_CONFIG, type Sample } from '../../admin/testing/sample-context.ts';

export const BIN = fileURLToPath(new URL('../bin.js', import.meta.url));
interface Ran {
  code: number;
  out: string;
  err: string;
}
interface Mesh {
  run: (...args: string[]) => Promise<Ran>;
  sample: Sample;
  folder: string;
  env: NodeJS.ProcessEnv;
}

/** The command, run as users run it, in a folder of its own, against the admin API of a sample mesh. */
export async function mesh(t: ExecutionContext, token: string | null = null): Promise<Mesh> {
  const sample = await sampleContext(),
    folder = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
  const handle = await adminApi({ context: sample.context, token });
  const server = controlServer({
    handle: (request, response, url) => handle(request, response, url) ?? response.writeHead(404).end('{}'),
    onError: (error) => t.fail(String(error)),
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await sample.stop();
    await rm(folder, { recursive: true, force: true });
  });
  await writeFile(join(folder, 'holdfast.yaml'), SAMPLE_CONFIG);
  const env = { PATH: process.env['PATH'], HOLDFAST_ADMIN: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  return { sample, folder, env, run: (...args) => run(args, { cwd: folder, env }) };
}

export const run = (args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], options, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
