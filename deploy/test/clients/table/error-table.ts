import { startMesh } from '../../mesh/start-mesh.ts';
import { type OfficialKind, OFFICIAL_CLIENTS, connectAny } from '../foreign/connect-any.ts';
import type { Heard, LineClient } from '../foreign/line-client.ts';
import { CALLS_PER_SESSION, SITUATIONS, type Situation, type Stage } from './situations.ts';

const SERVER = 'linear';
const TIMEOUT_SECONDS = 60;

/** One cell: what the user of one client sees in one situation. */
export interface Cell {
  client: OfficialKind;
  situation: string;
  /** `answer`, or the error as the client's user finds it: `-31001, not_sent`. */
  seen: string;
  isAsExpected: boolean;
  /** The session's next call was answered, and the call in flight beside the one that failed was answered or told why not. */
  goesOn: boolean;
  /** Why not, as the client says it; null when it does. */
  ended: string | null;
}

const outcomeOf = (data: unknown): string | null => {
  const outcome = (data as { outcome?: unknown } | null)?.outcome;
  return typeof outcome === 'string' ? outcome : null;
};

const describe = (heard: Heard): string => {
  if ('result' in heard) return 'answer';
  const { type, code, data, message } = heard.error;
  return code === null ? `${type}: ${message.slice(0, 200)}` : [code, outcomeOf(data)].filter(Boolean).join(', ');
};

/** The call itself was told what happened to it. Clients that lose their session give each of its calls an error without a code. */
const isTyped = (heard: Heard): boolean => 'result' in heard || outcomeOf(heard.error.data) !== null;

function isAsExpected(heard: Heard, expected: Situation['expected']): boolean {
  if ('result' in heard || expected === 'answer') return 'result' in heard && expected === 'answer';
  return heard.error.code !== null && expected.includes(heard.error.code);
}

/** Servers whose sessions come to their rate limit; calls of the second pass no relay. */
export const LIMITED = 'limited';
export const LIMITED_OFF = 'limited-off';
const limited = { requests: 1, perMs: 1000, burst: 20 };

/** A mesh whose deadlines are short enough to be waited for. */
export const startTableMesh = () =>
  startMesh({
    gateways: 1,
    servers: {
      [LIMITED]: {
        replicas: 1,
        program: 'deploy/test/servers/linear/main.ts',
        settings: { rateLimit: { session: limited } },
      },
      [LIMITED_OFF]: {
        replicas: 1,
        program: 'deploy/test/servers/linear/main.ts',
        settings: { guard: 'off', rateLimit: { session: limited } },
      },
      [SERVER]: {
        replicas: 2,
        settings: {
          trustAnnotations: true,
          timeouts: { callMs: 5000 },
          maxBodyBytes: 1 << 20,
          limits: { callsPerSession: CALLS_PER_SESSION },
        },
      },
    },
  });

/** All situations with one client, on one session for as long as it lasts. A text says what the client needs that this machine lacks. */
export async function cellsOf(mesh: Stage['mesh'], client: OfficialKind): Promise<Cell[] | string> {
  const url = mesh.url(SERVER);
  const connect = (): Promise<LineClient | string> => connectAny(client, { url, timeoutSeconds: TIMEOUT_SECONDS });
  let connected = await connect();
  if (typeof connected === 'string') return connected;
  const cells: Cell[] = [];
  try {
    for (const { name, expected, play } of SITUATIONS) {
      const { heard, sibling } = await play({ mesh, server: SERVER }, connected);
      const next = await connected.call('whoami');
      const failed = [next, ...(sibling && !isTyped(sibling) ? [sibling] : [])].find((each) => 'error' in each);
      const ended = failed === undefined ? null : describe(failed);
      cells.push({
        client,
        situation: name,
        seen: describe(heard),
        isAsExpected: isAsExpected(heard, expected),
        goesOn: ended === null,
        ended,
      });
      if ('result' in next) continue;
      await connected.close();
      const again = await connect();
      if (typeof again === 'string') return again;
      connected = again;
    }
  } finally {
    await connected.close();
  }
  return cells;
}

/** Situations as rows, clients as columns. */
export function rowsOf(cells: readonly Cell[], clients: readonly OfficialKind[]): { head: string[]; rows: string[][] } {
  const rows = SITUATIONS.map(({ name }) => [
    name,
    ...clients.map((client) => {
      const cell = cells.find((one) => one.client === client && one.situation === name);
      return cell === undefined ? '–' : `${cell.seen}${cell.goesOn ? '' : `; session over: ${cell.ended}`}`;
    }),
  ]);
  return { head: ['situation', ...clients.map((client) => OFFICIAL_CLIENTS[client])], rows };
}
