import type { ServerResponse } from 'node:http';
import { callOf } from '../../../attack/attack-mesh.ts';
import { mutate } from '../../mutate.ts';
import { STATES, type FuzzRig, type State } from '../fuzz-rig.ts';
import { mutateJson } from '../mutate-json.ts';
import { ANSWER_WITHIN_MS } from '../limits.ts';
import { pick, type Surface } from '../surface.ts';

const RESULT = '{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"MARKER"}]}}';
const event = (...lines: string[]): string => `${lines.join('\n')}\n\n`;
const PROGRESS = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}';
const ASK =
  'data: {"jsonrpc":"2.0","id":"q1","method":"elicitation/create","params":{"message":"MARKER","requestedSchema":{}}}';

/** Whole answers of a replica: `head`, a blank line, a body. `ID` is the request's id. */
const ANSWERS: readonly string[] = [
  `200 application/json\n\n${RESULT}`,
  '200 application/json\n\n{"jsonrpc":"2.0","id":ID,"error":{"code":-32603,"message":"MARKER","data":{}}}',
  `200 text/event-stream\n\n${event('id: 1', `data: ${RESULT}`)}`,
  `200 text/event-stream\n\n${event('id: 1', 'retry: 10', 'data: ')}${event(PROGRESS)}${event('event: message', `data: ${RESULT}`)}`,
  `200 text/event-stream\n\n${event(ASK)}${event(`data: ${RESULT}`)}`,
  `200 text/event-stream\n\n${event(': ping')}${event('data: {"jsonrpc":"2.0",', 'data: "id":ID,', 'data: "result":{}}')}`,
  '400 application/json\n\n{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session MARKER"}}',
  '404 application/json\n\n{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}',
  '202 text/plain\n\n',
  '500 text/html\n\n<html>MARKER</html>',
  '429 application/json\n\n{}',
  '200 application/json\n\n{"jsonrpc":"2.0","id":ID,"result":{"resultType":"input_required","requestState":"MARKER","inputRequests":{}}}',
  '200 application/json\n\n{"jsonrpc":"2.0","id":ID,"result":{"resultType":"task","task":{"taskId":"MARKER","status":"working"}}}',
];

interface Planned {
  bytes: Buffer;
  /** How the answer is written: by Node, or as raw bytes on the socket; cut before its end or not. */
  isRaw: boolean;
  isCut: boolean;
}

const planned = new Map<string, Planned>();
const taught = new WeakSet<FuzzRig>();
let next = 0;

/** Lets the replicas answer calls that carry `x-fuzz` as planned. */
function teach(rig: FuzzRig): void {
  if (taught.has(rig)) return;
  taught.add(rig);
  for (const replica of Object.values(rig.mesh.replicas).flat()) {
    replica.behave = ({ method, headers, message }, response) => {
      const plan = planned.get(String(headers['x-fuzz']));
      if (method !== 'POST' || !plan || message?.method !== 'tools/call') return false;
      write(plan, message.id, response);
      return true;
    };
  }
}

function write({ bytes, isRaw, isCut }: Planned, id: unknown, response: ServerResponse): void {
  const text = bytes.toString('latin1').replaceAll('ID', JSON.stringify(id) ?? 'null');
  const blank = text.indexOf('\n\n');
  const [status = '', type = ''] = text.slice(0, Math.max(0, blank)).split(' ');
  const body = Buffer.from(text.slice(blank + 2), 'latin1');
  if (isRaw) {
    response.socket?.write(`HTTP/1.1 ${status} OK\r\ncontent-type: ${type}\r\nconnection: close\r\n\r\n`, 'latin1');
    response.socket?.end(body);
    return;
  }
  const code = /^[2-5]\d\d$/.test(status) ? Number(status) : 200;
  response.writeHead(code, { 'content-type': /^[\w/+-]+$/.test(type) ? type : 'application/json' });
  response.write(body);
  if (isCut) response.socket?.destroySoon();
  else response.end();
}

const NEEDS_SESSION: readonly State[] = STATES.filter((state) => state !== 'none');

/** Answers of replicas to calls in every state of a session: JSON, event streams, no HTTP at all. All of them end. */
export const replicaAnswers: Surface = {
  name: 'replica-answers',
  share: 15,
  seeds: ANSWERS.map((text) => Buffer.from(text)),
  async execute(input, { rig, worker, random }) {
    teach(rig);
    const way = await rig.way(worker, pick(NEEDS_SESSION, random), random);
    const text = input.toString('latin1').replaceAll('MARKER', rig.marker);
    const bytes =
      random() < 0.4
        ? Buffer.from(mutateJson(text, random), 'latin1')
        : mutate(Buffer.from(text, 'latin1'), random, 4096);
    const key = `${next++}`;
    const isCut = random() < 0.2;
    planned.set(key, { bytes, isRaw: random() < 0.3, isCut });
    const isModern = way.server === 'modern' || way.server === 'opencache';
    const body = Buffer.from(JSON.stringify(callOf('echo', {}, key)));
    const answer = await rig.client(worker).send(`${rig.mesh.url(way.server, way.gateway)}${way.suffix}`, {
      method: 'POST',
      body,
      // A cut answer that no relay holds ends with Envoy's delayed close, a second later.
      withinMs: isCut ? 2 * ANSWER_WITHIN_MS : ANSWER_WITHIN_MS,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'content-length': body.length,
        'x-fuzz': key,
        ...(isModern && { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' }),
        ...way.headers,
      },
    });
    planned.delete(key);
    return typeof answer === 'string' ? `${way.server}: ${answer}` : null;
  },
};
