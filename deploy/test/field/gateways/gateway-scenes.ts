import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { toolAnswer } from '../../clients/tool-answer.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import { wordIf, type Scene } from '../scene.ts';
import { GATEWAY_KINDS, type GatewayKind } from './gateway-kinds.ts';

const TIMEOUT = { timeout: 60_000 };
const ANSWERED = 'answered by the other replica';

type Calls = (name: string, args?: Record<string, unknown>) => Promise<string>;

const callsOf =
  (client: Client, prefix: string): Calls =>
  async (name, args = {}) => {
    const wanted = { name: `${prefix}${name}`, arguments: args };
    const { text, isError } = toolAnswer(await client.callTool(wanted, undefined, TIMEOUT));
    return `${isError ? 'isError: ' : ''}${text}`;
  };

/** Requests of each replica: some gateways begin a session for each call, so only this tells which replica has one. */
const requestsOf = (mesh: Mesh): Promise<number[]> =>
  Promise.all(
    mesh.replicas.map(async ({ url }) => {
      const stats = (await (await fetch(new URL('/__stats', url))).json()) as { requests: number };
      return stats.requests;
    }),
  );

/** Begins a call; the replica that has it. */
async function underWay(mesh: Mesh, begin: () => Promise<string>) {
  const before = await requestsOf(mesh);
  const answer = begin();
  await new Promise((later) => setTimeout(later, 800));
  const more = (await requestsOf(mesh)).map((count, at) => count - (before[at] ?? 0));
  return { answer, replica: mesh.replicas[more.indexOf(Math.max(...more))] };
}

const gatewayScene = (kind: GatewayKind): Scene => ({
  section: 'gateways',
  name: kind.name,
  packages: [kind.package],
  async play(trial, folders) {
    await using mesh = await startMesh({
      gateways: 1,
      servers: { linear: { replicas: 2, settings: { trustAnnotations: true } } },
    });
    const opened = await kind.open({ folders, url: mesh.url('linear'), logFile: join(mesh.folder, 'gateway.log') });
    const client = new Client({ name: 'field', version: '1' }),
      call = callsOf(client, kind.prefix ?? '');
    const subject = { client: 'v1', server: `linear under ${kind.name}` };
    const home = async () => {
      const text = await call('whoami');
      return { text, replica: mesh.replicas.find(({ name }) => text.includes(name)) };
    };
    try {
      await trial({ ...subject, id: 'list and call', expected: 'answered' }, async () => {
        await client.connect(opened.transport, TIMEOUT);
        const { tools } = await client.listTools({}, TIMEOUT);
        const { replica, text } = await home();
        return wordIf('answered', tools.length > 10 && replica !== undefined, text);
      });
      await trial({ ...subject, id: 'kill, idle', expected: ANSWERED }, async () => {
        const { replica } = await home();
        await replica?.process.kill();
        const after = await home();
        await replica?.process.start();
        await mesh.settled();
        return wordIf(ANSWERED, after.replica !== undefined && after.replica !== replica, after.text);
      });
      await trial({ ...subject, id: 'kill, under a safe call', expected: ANSWERED }, async () => {
        const { replica, answer } = await underWay(mesh, () => call('wait', { durationMs: 4000 }));
        await replica?.process.kill();
        const text = await answer;
        await replica?.process.start();
        await mesh.settled();
        return wordIf(ANSWERED, text.includes('linear-') && !text.includes(replica?.name ?? '-'), text);
      });
      await trial({ ...subject, id: 'kill, under an unsafe call', expected: 'an error that says so' }, async () => {
        const charge = (): Promise<string> =>
          call('charge', { key: 'gateway', afterMs: 5000 }).catch((error: Error) => error.message);
        const { replica, answer } = await underWay(mesh, charge);
        await replica?.process.kill();
        const text = await answer;
        return wordIf('an error that says so', /replica/i.test(text), text);
      });
    } finally {
      await client.close().catch(() => undefined);
      await opened.close();
    }
  },
});

/** “Keep your gateway, put Holdfast under it”: gateways and bridges of others with the mesh as their server. */
export const GATEWAY_SCENES: readonly Scene[] = GATEWAY_KINDS.map(gatewayScene);
