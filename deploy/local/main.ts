import { readFile } from 'node:fs/promises';
import { isFreePort } from '../test/mesh/free-port.ts';
import { fileProblem } from '../../proto/file-problem.ts';
import { startMesh, type Mesh } from '../test/mesh/start-mesh.ts';
import { ensureEnvoy, ensureRedis } from '../setup/binaries.ts';
import { abortAtEnd } from './abort-at-end.ts';
import { announcement } from './announcement.ts';
import { followErrors } from './follow-errors.ts';
import { supervise } from './supervise.ts';
import { readOptions, type LocalOptions } from './options.ts';
import { plan } from './plan.ts';
import { reachRedis } from './reach-redis.ts';
import { writeLocalRunFile } from './local-run-file.ts';

const EXIT_USAGE = 64;
const EXIT_FAILED = 1;
const startMs = performance.now();
const say = (line: string): void => {
  process.stderr.write(`holdfast: ${line}\n`);
};

/** Exit code. */
async function main(): Promise<number> {
  let options: LocalOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    say(`${(error as Error).message.replace(/(?<![.?])$/, '.')} See npm start -- --help`);
    return EXIT_USAGE;
  }
  if (options.information !== null) {
    process.stdout.write(options.information);
    return 0;
  }
  let text: string | undefined;
  try {
    text = options.configFile === undefined ? undefined : await readFile(options.configFile, 'utf8');
  } catch (error) {
    say(`--config ${options.configFile} can’t be read: ${fileProblem(error)}`);
    return EXIT_USAGE;
  }
  const planned = plan(options, process.env, text);
  if (planned.kind === 'refused') {
    planned.problems.forEach(say);
    return EXIT_USAGE;
  }

  const { mesh: wanted, servers, needsRedis } = planned;
  for (let port = wanted.port; port < wanted.port + wanted.gateways; port++) {
    if (await isFreePort(port)) continue;
    say(`port ${port} is taken, perhaps by another npm start: end that one, or choose others with --port`);
    return EXIT_FAILED;
  }

  const end = new AbortController();
  const ended = new Promise<void>((resolve) => end.signal.addEventListener('abort', () => resolve(), { once: true }));
  abortAtEnd(end);

  if (typeof wanted.redis === 'object') {
    const problem = await reachRedis(wanted.redis.url);
    if (problem !== undefined) {
      say(problem);
      return EXIT_FAILED;
    }
  }

  let mesh: Mesh;
  try {
    await ensureEnvoy({ say });
    if (needsRedis) await ensureRedis({ say });
    mesh = await startMesh({ ...wanted, say, signal: end.signal });
  } catch (error) {
    if (end.signal.aborted) return 0;
    say((error as Error).message);
    return EXIT_FAILED;
  }
  for (const child of mesh.processes()) supervise(child, say, end.signal);
  followErrors(mesh.controlPlane.process.spec.logFile, (line) => say(`control plane: ${line}`));
  const takeBack = await writeLocalRunFile(mesh.controlPlane.adminUrl).catch((error: Error) => {
    say(`holdfast must be told where the mesh is, with --admin: ${error.message}`);
    return async () => {};
  });
  process.stdout.write(
    `\n${announcement({
      seconds: (performance.now() - startMs) / 1000,
      servers,
      controlPlaneUrl: mesh.controlPlane.adminUrl,
      folder: mesh.folder,
      gateways: mesh.gateways.map(({ name, url, envoy, sidecars }) => ({
        name,
        url,
        pids: [envoy.process, ...sidecars.map((one) => one.process)].flatMap(({ pid }) => pid ?? []),
      })),
      replicas: mesh.replicas.flatMap(({ name, process: { pid } }) => (pid === undefined ? [] : [{ name, pid }])),
    })}\n\n`,
  );
  await ended;
  say('ending everything …');
  await takeBack();
  await mesh.close();
  say('done');
  return 0;
}

process.exit(await main());
