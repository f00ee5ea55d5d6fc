import { describeError } from '../proto/describe-error.ts';
import { detach } from '../proto/detach.ts';
import { exitOnUncaught } from '../proto/exit-on-uncaught.ts';
import pino from 'pino';
import { isLoopback } from '../proto/identity/host.ts';
import { CertificateError } from '../proto/identity/own-name.ts';
import { readAddress } from './config/address.ts';
import { startControlPlane } from './control-plane.ts';
import { loadConfig, watchConfig } from './config/load-config.ts';
import { formatProblem } from '../proto/config-file/problem.ts';
import { VERSION } from '../proto/version.ts';
import { formatOptionProblem } from '../proto/command-line.ts';
import { readFlags } from './wiring/flags.ts';

/** sysexits.h: the configuration or the command line is wrong. */
const EX_USAGE = 64;

const read = readFlags(process.argv.slice(2));
if (read.kind === 'information') {
  process.stdout.write(read.text);
  process.exit(0);
}
if (read.kind === 'bad') {
  for (const problem of read.problems) process.stderr.write(`control-plane: ${formatOptionProblem(problem)}\n`);
  process.stderr.write(`\n${read.usage}`);
  process.exit(EX_USAGE);
}
const flags = read.values;

const loaded = await loadConfig(flags.config, process.env);
if (loaded.kind === 'bad') {
  for (const problem of loaded.problems) process.stderr.write(`${formatProblem(problem, flags.config)}\n`);
  process.stderr.write(
    `control-plane: ${loaded.problems.length} ${loaded.problems.length === 1 ? 'problem' : 'problems'} in the configuration\n`,
  );
  process.exit(EX_USAGE);
}

const { config, text } = loaded;
const log = pino({ base: { process: 'control-plane' }, level: process.env['LOG_LEVEL'] ?? 'info' });
const admin = flags.admin ?? config.controlPlane.admin;
if (!isLoopback(readAddress(admin)?.host ?? '') && config.controlPlane.adminTokenFile === undefined) {
  process.stderr.write(
    `control-plane: --admin ${admin}: the admin API changes traffic, so off loopback it needs a token: set controlPlane.adminTokenFile in ${flags.config}\n`,
  );
  process.exit(EX_USAGE);
}
const xds = flags.xds ?? config.controlPlane.xds;
if (!isLoopback(readAddress(xds)?.host ?? '') && config.controlPlane.tls?.clientCaFile === undefined) {
  process.stderr.write(
    `control-plane: --xds ${xds}: off loopback whoever reaches this port would become a gateway and get clients’ tokens, so certificates are needed: make them with \`holdfast certs init\` and set controlPlane.tls with clientCaFile in ${flags.config}\n`,
  );
  process.exit(EX_USAGE);
}
const controlPlane = await startControlPlane({
  config,
  text,
  log,
  admin,
  file: flags.config,
  env: process.env,
  version: VERSION,
  xds,
  stateDir: flags.stateDir ?? config.controlPlane.stateDir ?? null,
}).catch((error: Error) => {
  process.stderr.write(`control-plane: ${error.message}\n`);
  process.exit(error instanceof CertificateError ? EX_USAGE : 1);
});
exitOnUncaught(log);
const watcher = watchConfig({
  file: flags.config,
  env: process.env,
  text,
  onConfig(next, nextText) {
    controlPlane.configure(next, nextText);
    log.info({ servers: next.servers.length }, 'configuration changed');
  },
  onError: (error) => log.error({ error: describeError(error) }, 'the changed configuration could not be taken up'),
  onProblems(found) {
    const problems = found.map((problem) => formatProblem(problem, flags.config));
    controlPlane.refuse(problems);
    log.error({ problems }, 'the changed configuration is bad; the last good one stays in force');
  },
});
const { xdsPort, adminPort, webhookPort } = controlPlane;
log.info({ xds: xdsPort, admin: adminPort, ...(webhookPort !== null && { webhook: webhookPort }) }, 'ready');

let isStopping = false;
const stop = async (signal: string) => {
  if (isStopping) return;
  isStopping = true;
  log.info({ signal }, 'stopping');
  watcher.close();
  await controlPlane.stop();
  process.exit(0);
};
const stopOn = (signal: string) =>
  detach(stop(signal), (error) => {
    log.error({ error: describeError(error) }, 'stopping failed');
    process.exit(1);
  });
process.on('SIGTERM', stopOn);
process.on('SIGINT', stopOn);
