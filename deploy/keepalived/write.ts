import { Command } from 'commander';
import { commandLine, oneOf, refuse, wholeNumber } from '../../proto/command-line.ts';
import { keepalivedConfig } from './config.ts';

/** Prints keepalived.conf: node deploy/keepalived/write.ts --role primary --interface eth0 --address 203.0.113.10/24 --own 10.0.0.11 --peer 10.0.0.12 */
interface Values {
  role: 'primary' | 'standby';
  interface: string;
  address: string;
  own: string;
  peer: string;
  routerId: number;
  port: number;
  check: string;
  user: string;
}
const command = new Command('write')
  .description('Prints keepalived.conf for one of two edges: node deploy/keepalived/write.ts')
  .requiredOption('--role <role>', 'primary or standby', oneOf('primary', 'standby'))
  .requiredOption('--interface <name>', 'network interface of the shared address')
  .requiredOption('--address <ip/prefix>', 'the address that clients use')
  .requiredOption('--own <ip>', 'address of this machine')
  .requiredOption('--peer <ip>', 'address of the other machine')
  .option('--router-id <n>', 'the same on both machines, another for each pair', wholeNumber(1, 255), 51)
  .option('--port <port>', 'port of the edge', wholeNumber(1, 65_535), 80)
  .option('--check <path>', 'script that asks whether the edge is well', '/etc/keepalived/check-edge.sh')
  .option('--user <name>', 'user that the script runs as', 'nobody');
const { values } = commandLine<Values>(command);
const { address: virtualAddress, check: checkScript, ...others } = values;
try {
  process.stdout.write(keepalivedConfig({ ...others, virtualAddress, checkScript }));
} catch (error) {
  refuse(command, (error as Error).message);
}
