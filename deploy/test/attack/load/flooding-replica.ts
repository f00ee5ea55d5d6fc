import type { ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { RawReplica } from '../raw-replica.ts';

// A replica in a process of its own, whose GET streams never stop sending: `--port`, `--name`.
const { values } = parseArgs({
  options: { port: { type: 'string' }, host: { type: 'string' }, name: { type: 'string', default: 'flooding' } },
});
const EVENT = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${'x'.repeat(60_000)}"}}\n\n`;

function flood(response: ServerResponse): void {
  if (response.destroyed) return;
  if (response.write(EVENT)) setImmediate(flood, response);
  else response.once('drain', () => flood(response));
}

const replica = new RawReplica(values.name, Number(values.port));
replica.behave = ({ method, headers }, response) => {
  // Nothing looks at what was seen, and there is a lot of it.
  replica.seen.length = 0;
  const session = headers['mcp-session-id'];
  if (method !== 'GET' || typeof session !== 'string' || !replica.sessions.has(session)) return false;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  flood(response);
  return true;
};
await replica.start();
