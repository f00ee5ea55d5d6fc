import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import pino from 'pino';
import { formatProblem } from '../proto/config-file/problem.ts';
import { detach } from '../proto/detach.ts';
import { describeError } from '../proto/describe-error.ts';
import { exitOnUncaught } from '../proto/exit-on-uncaught.ts';
import { CertificateError } from '../proto/identity/own-name.ts';
import { RedisUrlError } from '../proto/redis/redis-client.ts';
import { VERSION } from '../proto/version.ts';
import { readSettings } from './settings/read-settings.ts';
import { startSidecar, type Sidecar } from './start-sidecar.ts';

/** sysexits.h: the configuration or the command line is wrong. */
const EX_USAGE = 64;
/** Collects when the heap has grown by a third, not by a multiple: short pauses, and memory that follows the number of sessions. */
setFlagsFromString('--heap-growing-percent=33');
/**
 * Objects of a request die at once. V8 takes some of them for long-lived and puts them into the old heap. There they
 * keep alive what they refer to, and each young collection has ten times as much to copy.
 */
setFlagsFromString('--no-allocation-site-pretenuring');

const read = readSettings(process.argv.slice(2), process.env, (path) => readFileSync(path, 'utf8'));
if (read.kind === 'information') {
  process.stdout.write(read.text);
  process.exit(0);
}
if (read.kind === 'bad') {
  for (const problem of read.problems) process.stderr.write(`sidecar: ${formatProblem(problem, problem.path)}\n`);
  process.stderr.write(
    `sidecar: ${read.problems.length} ${read.problems.length === 1 ? 'problem' : 'problems'} in the settings\n\n${read.usage}`,
  );
  process.exit(EX_USAGE);
}
const { settings } = read;
const log = pino({ base: { process: 'sidecar', node: settings.nodeId }, level: process.env['LOG_LEVEL'] ?? 'info' });

exitOnUncaught(log);

let sidecar: Sidecar;
try {
  sidecar = await startSidecar(settings, VERSION, log);
} catch (error) {
  process.stderr.write(`sidecar: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof RedisUrlError || error instanceof CertificateError ? EX_USAGE : 1);
}

let isStopping = false;
const stop = async (signal: string): Promise<void> => {
  if (isStopping) process.exit(1); // A second signal: at once.
  isStopping = true;
  log.info({ signal }, 'draining');
  await sidecar.stop();
  log.info('stopped');
  process.exit(0);
};
const fail = (error: unknown): never => {
  log.fatal({ error: describeError(error) }, 'the drain failed');
  process.exit(1);
};
process.on('SIGTERM', (signal) => detach(stop(signal), fail));
process.on('SIGINT', (signal) => detach(stop(signal), fail));
