import { parseArgs } from 'node:util';

export interface LocalOptions {
  /** undefined: two, or one where sessions are in memory. */
  gateways: number | undefined;
  /** Of every example server; undefined: three of linear, two of queryquill. */
  replicas: number | undefined;
  /** Public port of the first gateway. */
  port: number | undefined;
  configFile: string | undefined;
  isHelpWanted: boolean;
}

export const HELP = `npm start -- [options], or npx holdfast-mesh [options]: the whole mesh on this machine, with two example MCP servers.

  --gateways N   gateway nodes (Envoy and sidecar) on the public port and the ports after it; default 2 (1 with SESSION_STORE=memory)
  --replicas N   replicas of each example server; default three of linear, two of queryquill
  --port P       public port of the first gateway; default 37373, or PORT of the environment
  --config FILE  your own configuration, with your own servers that run already; no example server is started
  --help         this text

Environment: the names of the README's table (HA_MODE, SESSION_STORE, …) win over the configuration; ENVOY_BIN and REDIS_BIN name binaries to use.
`;

/** Reads the command line. Throws an Error whose message names the flag and what it expects. */
export function readOptions(argv: readonly string[]): LocalOptions {
  const { values } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: false,
    options: {
      gateways: { type: 'string' },
      replicas: { type: 'string' },
      port: { type: 'string' },
      config: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const gateways = wholeNumber('--gateways', values.gateways, 1, 16);
  const replicas = wholeNumber('--replicas', values.replicas, 1, 64);
  if (values.config !== undefined && replicas !== undefined)
    throw new Error('--replicas is for the example servers, and --config starts none: leave one of the two out');
  return {
    gateways,
    replicas,
    port: wholeNumber('--port', values.port, 1, 65_535),
    configFile: values.config,
    isHelpWanted: values.help ?? false,
  };
}

function wholeNumber(flag: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`${flag} ${text}: expected a whole number from ${least} to ${most}`);
  return value;
}
