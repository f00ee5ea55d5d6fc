import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { judge, type AttackCase } from '../attack-case.ts';
import { callOf } from '../attack-mesh.ts';
import { ATTACKER } from '../http-client.ts';

const CONNECTIONS = 100;
/** As many as one connection was let open before. */
const STREAMS = 1000;
const HEADERS = {
  ':method': 'POST',
  ':path': '/mcp/plain',
  'content-type': 'application/json',
  'content-length': '9999',
};

/** Short bodies that do not come, as many on each connection as it is let open: Envoy keeps each, to read its method. */
export const slowStreams: AttackCase = {
  name: 'slow-bodies/http2-streams',
  finding: '4',
  goal: 'few streams on each connection; memory within limits',
  isSlow: true,
  async run(mesh) {
    const session = await mesh.session('plain');
    const url = mesh.mesh.gateways[0]?.url ?? '';
    const connections: ClientHttp2Session[] = [];
    const body = Buffer.alloc(9000, ' ');
    for (let count = 0; count < CONNECTIONS; count++) {
      const connection = connect(url, { localAddress: ATTACKER } as object).on('error', () => undefined);
      connections.push(connection);
      await once(connection, 'remoteSettings');
      const most = Math.min(STREAMS, connection.remoteSettings.maxConcurrentStreams ?? STREAMS);
      for (let stream = 0; stream < most; stream++)
        connection
          .request(HEADERS, { endStream: false })
          .on('error', () => undefined)
          .resume()
          .write(body);
      // Leaves the honest clients of this process their turn.
      await pause(20);
    }
    const most = Math.max(...connections.map(({ remoteSettings }) => remoteSettings.maxConcurrentStreams ?? Infinity));
    const after = await mesh.rpc('plain', callOf('echo'), { session });
    for (const connection of connections) connection.destroy();
    return judge({ 'at most 100 streams': most <= 100, 'another call is answered': after.status === 200 }, `${most}`);
  },
};
