import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import type { Gateway } from '../../mesh/start-gateway.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { connectAny, type OfficialKind } from '../foreign/connect-any.ts';

const SERVER = 'linear';
const TIMEOUT_SECONDS = 60;
/** The replica works for so long on the call: until then nobody can have its answer. */
const WORK_MS = 10_000;

/** What the user of a client is told whose call was on a gateway that was killed. */
export interface LossCell {
  client: OfficialKind;
  told: string;
  toldAfterMs: number;
  goesOn: boolean;
}

export const startLossMesh = (): Promise<Mesh> =>
  startMesh({ gateways: 2, edges: 1, servers: { [SERVER]: { replicas: 2 } } });

const callsOn = async ({ sidecars }: Gateway): Promise<number> => {
  const texts = await Promise.all(
    sidecars.map(async ({ adminUrl }) => (await fetch(new URL('/metrics', adminUrl))).text()),
  );
  const open = texts.flatMap((text) => [...text.matchAll(/^holdfast_relay_streams_open\{.*kind="call".*\} (\d+)$/gm)]);
  return open.reduce((sum, [, count]) => sum + Number(count), 0);
};

/** A call of the client is in flight through the edge, and the gateway that holds it is killed. */
export async function lossCells(mesh: Mesh, client: OfficialKind): Promise<LossCell[] | string> {
  const url = `${mesh.edges[0]?.url}/mcp/${SERVER}`;
  const connected = await connectAny(client, { url, timeoutSeconds: TIMEOUT_SECONDS });
  if (typeof connected === 'string') return connected;
  try {
    await connected.call('whoami');
    const calling = connected.call('charge', { key: `loss-${client}`, afterMs: WORK_MS });
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
    return [{ client, told, toldAfterMs, goesOn: 'result' in next }];
  } finally {
    await connected.close();
  }
}
