import type { ServerResponse } from 'node:http';
import { Command } from 'commander';
import { RawReplica } from '../raw-replica.ts';

// A replica in a process of its own, whose GET streams never stop sending: `--port`, `--name`.
const values = new Command()
  .requiredOption('--port <port>', 'where it listens', Number)
  .option('--host <host>', 'taken for the sake of callers; it is always 127.0.0.1')
  .option('--name <name>', 'what it calls itself', 'flooding')
  .parse()
  .opts<{ port: number; name: string }>();
const EVENT = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${'x'.repeat(60_000)}"}}\n\n`;

function flood(response: ServerResponse): void {
  if (response.destroyed) return;
  if (response.write(EVENT)) setImmediate(flood, response);
  else response.once('drain', () => flood(response));
}

const replica = new RawReplica(values.name, values.port);
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
