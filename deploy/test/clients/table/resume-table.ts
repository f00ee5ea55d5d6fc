import { type OfficialKind, OFFICIAL_CLIENTS, connectAny } from '../foreign/connect-any.ts';
import { CuttingServer, type Priming } from './cutting-server.ts';

/** What a client does when the stream of its call is cut before the answer. */
export interface ResumeCell {
  client: OfficialKind;
  situation: string;
  isPrimed: boolean;
  /** It came back with the id of the last event, so many ms later; null: it did not. */
  resumedAfterMs: number | null;
  /** What its user was told, and after how many ms. */
  told: string;
  toldAfterMs: number;
}

const TIMEOUT_SECONDS = 12;

export const CUTS: readonly { name: string; priming: Priming }[] = [
  { name: 'reset, without an event id', priming: { cut: 'reset', isPrimed: false, retryMs: null } },
  { name: 'reset after an event id', priming: { cut: 'reset', isPrimed: true, retryMs: null } },
  { name: 'reset after an event id and `retry: 100`', priming: { cut: 'reset', isPrimed: true, retryMs: 100 } },
  { name: 'ended after an event id and `retry: 100`', priming: { cut: 'end', isPrimed: true, retryMs: 100 } },
];

/** A text says what the client needs that this machine lacks. */
export async function resumeCells(client: OfficialKind): Promise<ResumeCell[] | string> {
  const cells: ResumeCell[] = [];
  for (const { name, priming } of CUTS) {
    const server = new CuttingServer();
    server.priming = priming;
    const url = await server.listen();
    try {
      const connected = await connectAny(client, { url, timeoutSeconds: TIMEOUT_SECONDS });
      if (typeof connected === 'string') return connected;
      const beganMs = Date.now();
      const heard = await connected.call('cut');
      const toldAfterMs = Date.now() - beganMs;
      await connected.close();
      const told = 'result' in heard ? 'answer' : `${heard.error.type}: ${heard.error.message.slice(0, 120)}`;
      const resumedAfterMs = server.resumptions[0]?.afterMs ?? null;
      cells.push({ client, situation: name, isPrimed: priming.isPrimed, resumedAfterMs, told, toldAfterMs });
    } finally {
      await server.close();
    }
  }
  return cells;
}

/** Situations as rows, clients as columns. */
export function resumeRows(
  cells: readonly ResumeCell[],
  clients: readonly OfficialKind[],
): { head: string[]; rows: string[][] } {
  const rows = CUTS.map(({ name }) => [
    name,
    ...clients.map((client) => {
      const cell = cells.find((one) => one.client === client && one.situation === name);
      if (!cell) return '–';
      const ms = (time: number): string => `${Math.round(time / 100) / 10} s`;
      const told = cell.told === 'answer' ? 'answer' : `${cell.told} after ${ms(cell.toldAfterMs)}`;
      return cell.resumedAfterMs === null
        ? `does not come back; ${told}`
        : `comes back after ${ms(cell.resumedAfterMs)}; ${told}`;
    }),
  ]);
  return { head: ['the stream of a call is', ...clients.map((client) => OFFICIAL_CLIENTS[client])], rows };
}
