import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import type { Gateway } from '../../mesh/start-gateway.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { connectAny, type OfficialKind } from '../foreign/connect-any.ts';

/** How the servers of the mesh answer calls. */
const WAYS = {
  linear: 'event streams',
  json: 'JSON',
  stateless: 'event streams, without sessions',
} as const;
type Way = keyof typeof WAYS;
/** What its clients hear has an HTTP status of its own. */
export const WITHOUT_SESSIONS = WAYS.stateless;
export const WAYS_TO_ANSWER = Object.values(WAYS);

const LINEAR = 'deploy/test/servers/linear/main.ts';
const TIMEOUT_SECONDS = 60;
/** The replica works for so long on the call: until then nobody can have its answer. */
const WORK_MS = 10_000;

/** What the user of a client is told whose call was on a gateway that was killed. */
export interface LossCell {
  client: OfficialKind;
  answersBy: (typeof WAYS)[Way];
  told: string;
  toldAfterMs: number;
  goesOn: boolean;
}

export const startLossMesh = (): Promise<Mesh> =>
  startMesh({
    gateways: 2,
    edges: 1,
    servers: {
      linear: { replicas: 2 },
      json: { program: LINEAR, args: ['--json-responses'], replicas: 2 },
      stateless: { program: LINEAR, args: ['--stateless'], replicas: 2 },
    },
  });

/** Calls that the relay of a gateway holds. */
export const callsOn = async ({ sidecars }: Gateway): Promise<number> => {
  const texts = await Promise.all(
    sidecars.map(async ({ adminUrl }) => (await fetch(new URL('/metrics', adminUrl))).text()),
  );
  const open = texts.flatMap((text) => [...text.matchAll(/^holdfast_relay_streams_open\{.*kind="call".*\} (\d+)$/gm)]);
  return open.reduce((sum, [, count]) => sum + Number(count), 0);
};

/** A call of the client is in flight through the edge, and the gateway that holds it is killed. */
export async function lossCells(mesh: Mesh, client: OfficialKind): Promise<LossCell[] | string> {
  const cells: LossCell[] = [];
  for (const way of Object.keys(WAYS) as Way[]) {
    const cell = await lossCell(mesh, client, way);
    if (typeof cell === 'string') return cell;
    cells.push(cell);
  }
  return cells;
}

async function lossCell(mesh: Mesh, client: OfficialKind, way: Way): Promise<LossCell | string> {
  const url = `${mesh.edges[0]?.url}/mcp/${way}`;
  const connected = await connectAny(client, { url, timeoutSeconds: TIMEOUT_SECONDS });
  if (typeof connected === 'string') return connected;
  try {
    await connected.call('whoami');
    const calling = connected.call('charge', { key: `loss-${client}-${way}`, afterMs: WORK_MS });
    let holder: Gateway | undefined;
    let seen = 0;
    // Seen several times: then its stream has an event id as well.
    const isHeld = async (): Promise<boolean> => {
      for (const gateway of mesh.gateways) if ((await callsOn(gateway)) > 0) [holder, seen] = [gateway, seen + 1];
      return seen > 10;
    };
    await waitFor(isHeld, { what: 'a gateway holds the call' });
    await holder?.kill();
    const killedMs = Date.now();
    const heard = await calling;
    const toldAfterMs = Date.now() - killedMs;
    const next = await connected.call('whoami');
    await holder?.start();
    await mesh.settled();
    const data = 'error' in heard ? (heard.error.data as { outcome?: string } | null) : null;
    const told = 'result' in heard ? 'answer' : `${heard.error.code}, ${data?.outcome ?? heard.error.message}`;
    return { client, answersBy: WAYS[way], told, toldAfterMs, goesOn: 'result' in next };
  } finally {
    await connected.close();
  }
}
