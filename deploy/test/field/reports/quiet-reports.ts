import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { postHeaders, rawExchange, rawRequest } from '../../clients/raw-http.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import { TestIssuer } from '../../mesh/test-issuer.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { wordIf, type Scene } from '../scene.ts';
import { begin, callOf, listen, post, request } from './raw-session.ts';

const program = 'deploy/test/field/servers/stub.ts';
/** Beyond the default timeouts of proxies, which end at 5 minutes. */
const SILENT_MS = 330_000;
/** Sessions of the server that is left alone live this long, and are left alone for longer. */
const TTL_SECONDS = 60;
const IDLE_MS = 85_000;
/** Of W18: how long calls take that a change of the listener must not cut, and how long it is looked for. */
const CALL_MS = 25_000;
const WATCH_MS = 40_000;
const LIMIT_MS = SILENT_MS + 60_000;

const pause = (ms: number): Promise<void> =>
  new Promise((later) => {
    setTimeout(later, ms);
  });

/** One call without a byte until its answer. Not by `fetch`, which waits 300 s at most. */
async function silentCall(mesh: Mesh, server: string): Promise<string> {
  const url = mesh.url(server),
    headers = await begin(url),
    body = callOf('4', 'slow', SILENT_MS),
    { port, pathname } = new URL(url);
  const all = [...postHeaders(body), ...Object.entries(headers)] as const;
  const { status, text } = await rawExchange(Number(port), rawRequest('POST', pathname, all, body), {
    timeoutMs: LIMIT_MS,
  });
  return wordIf('answered', status === 200 && text.includes(`"${server}-`), text);
}

async function idleSession(mesh: Mesh): Promise<string> {
  const url = mesh.url('idle'),
    headers = await begin(url);
  await pause(IDLE_MS);
  const { status, text } = await post(url, callOf('2', 'whoami'), headers);
  return wordIf('answered', status === 200 && text.includes('idle-'), `${status} ${text}`);
}

/** A server with `jwt` changes the listener, under calls and a GET stream of another one. */
async function changedListener(mesh: Mesh): Promise<string> {
  const url = mesh.url('linear'),
    headers = await begin(url),
    stream = await listen(url, headers, WATCH_MS * 2);
  const call = (id: string): Promise<string> =>
    post(
      url,
      request(id, 'tools/call', { name: 'wait', arguments: { durationMs: CALL_MS } }),
      headers,
      WATCH_MS * 2,
    ).then(({ status, text }) => `${status} ${text}`);
  const calls = Promise.all([call('11'), call('12')]);
  const jwksFile = join(mesh.folder, 'jwks.json');
  await writeFile(jwksFile, new TestIssuer('k', { iss: 'https://id.example' }).jwks);
  await mesh.writeConfig((config) => {
    const [first] = config.servers;
    if (first) config.servers.push({ ...first, name: 'later', jwt: { issuer: 'https://id.example', jwksFile } });
  });
  const asked = async (): Promise<boolean> => (await post(mesh.url('later'), request('1', 'ping'))).status === 401;
  await waitFor(asked, { what: 'the new server', everyMs: 200 });
  await pause(WATCH_MS);
  const heard = await calls;
  const isWell = heard.every((each) => each.startsWith('200') && each.includes('linear-')) && stream.isOpen();
  stream.end();
  return wordIf('nothing is cut', isWell, [...heard, stream.isOpen()]);
}

/** What is quiet for minutes, side by side. */
export const QUIET_REPORTS: Scene = {
  section: 'reports',
  name: 'quiet for minutes',
  packages: [],
  async play(trial) {
    const quiet = { timeouts: { callMs: 0 } };
    const off = { ...quiet, guard: 'off' };
    await using mesh = await startMesh({
      servers: {
        linear: { replicas: 2 },
        idle: { replicas: 1, program, settings: { sessionTtlSeconds: TTL_SECONDS } },
        sse: { replicas: 1, program, settings: quiet },
        json: { replicas: 1, program, args: ['--json'], settings: quiet },
        'sse-off': { replicas: 1, program, settings: off },
        'json-off': { replicas: 1, program, args: ['--json'], settings: off },
      },
    });
    const line = (id: string, server: string, expected: string, play: () => Promise<string>) =>
      trial({ id, client: 'raw', server, expected }, play);
    await Promise.all([
      line('W18', 'a server with jwt is added', 'nothing is cut', () => changedListener(mesh)),
      line('W16', `${IDLE_MS / 1000} s idle, TTL ${TTL_SECONDS} s`, 'answered', () => idleSession(mesh)),
      ...['sse', 'json', 'sse-off', 'json-off'].map((server) =>
        line('W4', `${server}, silent for ${SILENT_MS / 1000} s`, 'answered', () => silentCall(mesh, server)),
      ),
    ]);
  },
};
