import { Command } from 'commander';
import { readCommandLine, value, type CommandLine } from '../../proto/command-line.ts';
import { readAddress } from '../config/address.ts';

export interface Flags {
  config: string;
  /** `ip:port`; when it is absent, the configuration's. */
  xds?: string;
  admin?: string;
  stateDir?: string;
}

const address = value('an address like 127.0.0.1:18000', (text) => (readAddress(text) ? text : undefined));

const controlPlaneCommand = (): Command =>
  new Command('control-plane')
    .description('A control plane of the mesh: node control-plane/main.ts')
    .requiredOption('--config <file>', 'the configuration file (YAML); followed while running')
    .option('--xds <ip:port>', 'where gateways fetch their resources; default: controlPlane.xds of the file', address)
    .option(
      '--admin <ip:port>',
      'admin API, /health, /readyz, /metrics; default: controlPlane.admin of the file',
      address,
    )
    .option('--state-dir <dir>', 'where slots and versions are kept without Redis; default: controlPlane.stateDir');

/** Flags win over the environment, which wins over the file. */
export const readFlags = (args: readonly string[]): CommandLine<Flags> =>
  readCommandLine<Flags>(controlPlaneCommand(), args);
