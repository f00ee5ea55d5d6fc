import { parseArgs } from 'node:util';
import { keepalivedConfig } from './config.ts';

/** Prints keepalived.conf: node deploy/keepalived/write.ts --role primary --interface eth0 --address 203.0.113.10/24 --own 10.0.0.11 --peer 10.0.0.12 */
const USAGE =
  'usage: node deploy/keepalived/write.ts --role primary|standby --interface eth0 --address IP/PREFIX --own IP --peer IP [--router-id 51] [--port 80] [--check /etc/keepalived/check-edge.sh] [--user nobody]\n';
const text = (value: string) => ({ type: 'string', default: value }) as const;
try {
  const { values } = parseArgs({
    options: {
      role: text(''),
      interface: text(''),
      address: text(''),
      own: text(''),
      peer: text(''),
      'router-id': text('51'),
      port: text('80'),
      check: text('/etc/keepalived/check-edge.sh'),
      user: text('nobody'),
    },
  });
  const { role } = values;
  if (role !== 'primary' && role !== 'standby') throw new Error('--role: primary or standby');
  process.stdout.write(
    keepalivedConfig({
      role,
      interface: values.interface,
      virtualAddress: values.address,
      own: values.own,
      peer: values.peer,
      routerId: Number(values['router-id']),
      port: Number(values.port),
      checkScript: values.check,
      user: values.user,
    }),
  );
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${USAGE}`);
  process.exit(64);
}
