import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { replicaCommand, type ReplicaValues } from './replica-command.ts';

/**
 * The cheapest replica that MCP servers in TypeScript are really made of: node:http, and nothing on top of it. A new session id for each request
 * without one, the same small result for everything else. Run: `node deploy/test/bench/load/http-upstream.ts --port N`, as the mesh starts replicas.
 */
const initialized =
  '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}}';
const result = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}],"isError":false}}';

const values = replicaCommand().parse().opts<ReplicaValues>();
const server = createServer((request, response) => {
  const isNew = request.headers['mcp-session-id'] === undefined,
    body = isNew ? initialized : result;
  request.resume();
  request.once('end', () => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.length,
      ...(isNew && { 'mcp-session-id': randomUUID() }),
    });
    response.end(body);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(values.port, values.host);
