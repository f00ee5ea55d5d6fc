import { Command } from 'commander';
import { formatOptionProblem, readCommandLine, wholeNumber } from '../../proto/command-line.ts';

export interface LocalOptions {
  /** undefined: two, or one where sessions are in memory. */
  gateways: number | undefined;
  /** Of every example server; undefined: three of linear, two of queryquill. */
  replicas: number | undefined;
  /** Public port of the first gateway. */
  port: number | undefined;
  configFile: string | undefined;
  /** What `--help` or `--version` asked for; null: neither was given. */
  information: string | null;
}

const localCommand = (): Command =>
  new Command('npm start --')
    .description('The whole mesh on this machine, with two example MCP servers. From a package: npx holdfast-mesh')
    .option(
      '--gateways <n>',
      'gateway nodes (Envoy and sidecar) on the public port and the ports after it; default 2, or 1 with SESSION_STORE=memory',
      wholeNumber(1, 16),
    )
    .option(
      '--replicas <n>',
      'replicas of each example server; default three of linear, two of queryquill',
      wholeNumber(1, 64),
    )
    .option(
      '--port <port>',
      'public port of the first gateway; default 37373, or PORT of the environment',
      wholeNumber(1, 65_535),
    )
    .option(
      '--config <file>',
      'your own configuration, with your own servers that run already; no example server is started',
    )
    .addHelpText(
      'after',
      '\nEnvironment variables of docs/configuration.md (HA_MODE, SESSION_STORE, …) win over the configuration; ENVOY_BIN and REDIS_BIN name binaries to use.',
    );

/** Reads the command line. Throws an Error whose message names each option that is wrong, and what it expects. */
export function readOptions(argv: readonly string[]): LocalOptions {
  const read = readCommandLine<Partial<Record<'gateways' | 'replicas' | 'port', number>> & { config?: string }>(
    localCommand(),
    argv,
  );
  if (read.kind === 'bad') throw new Error(read.problems.map(formatOptionProblem).join('\n'));
  if (read.kind === 'information')
    return { gateways: undefined, replicas: undefined, port: undefined, configFile: undefined, information: read.text };
  const { gateways, replicas, port, config: configFile } = read.values;
  if (configFile !== undefined && replicas !== undefined)
    throw new Error('--replicas is for the example servers, and --config starts none: leave one of the two out');
  return { gateways, replicas, port, configFile, information: null };
}
