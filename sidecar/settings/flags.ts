import { Command } from 'commander';
import { readCommandLine, type CommandLine } from '../../proto/command-line.ts';

/** What a sidecar is told on its command line, as text. */
export interface Flags {
  nodeId?: string;
  xds?: string;
  extProc?: string;
  plainExtProc: boolean;
  relay: string;
  admin: string;
  relayPeer?: string;
  peer?: string;
  listen?: string;
  advertise?: string;
  stateDir?: string;
  certs?: string;
  joined?: string;
  config?: string;
}

const sidecarCommand = (): Command =>
  new Command('sidecar')
    .description('The process beside each Envoy: node sidecar/main.ts')
    .option('--xds <host:port,…>', 'addresses of the control planes; needed')
    .option('--ext-proc <path or host:port>', 'Unix socket, or address, where Envoy asks; needed')
    .option(
      '--plain-ext-proc',
      'answer unary calls by Node’s HTTP/2 server instead of the sidecar’s own: slower',
      false,
    )
    .option('--node-id <name>', 'name of this gateway node (HA_NODE_ID)')
    .option('--relay <host:port>', 'where Envoy finds the relay', '127.0.0.1:7900')
    .option('--admin <host:port>', '/health, /readyz, /metrics', '127.0.0.1:7901')
    .option(
      '--relay-peer <host:port>',
      'the relay for neighbours, over mTLS; with --certs, when --relay is on loopback',
    )
    .option('--peer <host:port>', 'ext_proc for neighbours whose own sidecar is gone')
    .option('--listen <host:port>', 'where clients or an edge reach this node’s Envoy, told to the control plane')
    .option('--advertise <host>', 'host that other nodes reach this one by')
    .option('--state-dir <dir>', 'keep what the control plane said, for a start without one')
    .option('--certs <dir>', 'mTLS with neighbours and control plane: <node id>.crt, <node id>.key, ca.crt')
    .option(
      '--joined <dir>',
      'in place of --certs: where this pod’s certificate and Redis’s address are since it joined; it is renewed there',
    )
    .option('--config <file>', 'the mesh’s configuration; only sections with an environment variable are read');

export const readFlags = (args: readonly string[]): CommandLine<Flags> =>
  readCommandLine<Flags>(sidecarCommand(), args);
