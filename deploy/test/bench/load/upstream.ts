import { createServer, type Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { replicaCommand, type ReplicaValues } from './replica-command.ts';

/**
 * The cheapest MCP server that a benchmark can put behind a proxy. It speaks HTTP/1.1 by hand, and gives a new session
 * id for each initialize and the same small result for everything else. It costs little, so that what is measured is
 * the proxy. Run: `node deploy/test/bench/load/upstream.ts --port N`, as the mesh starts replicas. `--initialize-ms`
 * makes initialize take a while, and `--events` answers calls with an event. GET /__stats says how many initializes
 * there were, and how many at a time.
 */
const initialized =
  '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}}';
const result = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}],"isError":false}}';
const answer = (body: string, session?: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${session ? `mcp-session-id: ${session}\r\n` : ''}content-length: ${body.length}\r\n\r\n${body}`;

/** As official servers answer: one event. */
const event = (body: string, session: string): string => {
  const text = `event: message\ndata: ${body}\n\n`;
  return `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nmcp-session-id: ${session}\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
};

const stats = { initializes: 0, atATime: 0, mostAtATime: 0 };

function initialize(socket: Socket): void {
  const done = (): void => {
    stats.atATime--;
    socket.write(answer(initialized, randomUUID()));
  };
  stats.initializes++;
  stats.mostAtATime = Math.max(stats.mostAtATime, ++stats.atATime);
  if (initializeMs > 0) setTimeout(done, initializeMs);
  else done();
}

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  let text = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = end + 4 + Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
      if (text.length < length) return;
      if (text.startsWith('GET /__stats')) {
        socket.write(answer(JSON.stringify(stats)));
        text = text.slice(length);
        continue;
      }
      const session = /\r\nmcp-session-id: ([^\r]+)/i.exec(text.slice(0, end))?.[1];
      text = text.slice(length);
      if (session) socket.write(answersEvents ? event(result, session) : answer(result, session));
      else initialize(socket);
    }
  });
}

const values = replicaCommand()
  .option('--initialize-ms <ms>', 'how long an initialize takes', Number, 0)
  .option('--events', 'answers with event streams', false)
  .parse()
  .opts<ReplicaValues & { initializeMs: number; events: boolean }>();
const { initializeMs, events: answersEvents } = values;
createServer(serve).listen(values.port, values.host);
