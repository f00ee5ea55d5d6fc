import { connectAny, OFFICIAL_CLIENTS, type OfficialKind } from '../../clients/foreign/connect-any.ts';
import type { ForkServers } from '../../clients/foreign/fork-server.ts';
import type { Heard, LineClient } from '../../clients/foreign/line-client.ts';
import type { FaultRun } from './fault-run.ts';
import type { Fault } from './faulty-replica.ts';
import { Front } from './front.ts';
import { PRINCIPAL, type Came, type Kind, type Path } from './paths.ts';

/** Longer than any deadline of the mesh: what ends by it hung. */
const TIMEOUT_SECONDS = 20;

/** Without a session a read may meet a frozen replica again, until its breaker opens. */
const TURNS = 10;

/** A path that official clients take by themselves, and what the run does for it. */
interface OfficialPath {
  name: 'session' | 'stateless' | 'handed over';
  isStateless?: true;
  /** The call goes to a gateway that can't look the session up. */
  isHandedOver?: true;
}
const OFFICIAL_PATHS: readonly OfficialPath[] = [
  { name: 'session' },
  { name: 'stateless', isStateless: true },
  { name: 'handed over', isHandedOver: true },
];

/** What the client's user is told, in the words of the table. Clients that hide the code of an error say its status, 503, or its text. */
function cameOf(heard: Heard, tookMs: number): Came {
  if ('result' in heard) return 'answered';
  if (tookMs >= TIMEOUT_SECONDS * 1000) return 'HANG';
  const { code, message } = heard.error;
  const isOurs = (code !== null && code <= -31000 && code > -32000) || /-310\d\d/.test(message);
  return isOurs ? 'typed error' : 'as it was';
}

/** Connects one client to a URL; a text says what is missing for it. */
type Connect = (url: string) => Promise<LineClient | string>;

async function meet(run: FaultRun, fault: Fault, kind: Kind, connect: Connect, path: OfficialPath) {
  let at = path.isHandedOver ? 1 : 0;
  const principal = path.isHandedOver ? PRINCIPAL : {};
  const front = new Front(() => ({
    port: run.gateway(at).port,
    headers: { ...run.gateway(at).headers, ...principal },
  }));
  const url = await front.listen();
  run.plan.isStateless = path.isStateless ?? false;
  let connected: LineClient | undefined;
  try {
    const tried = await connect(url);
    if (typeof tried === 'string') throw new Error(tried);
    connected = tried;
    // Clients may look at the list when they have their first answer: a read of theirs must not meet the fault.
    await connected.tools();
    run.arm(fault, path.isStateless ? undefined : run.replicas.find(({ sessions }) => sessions > 0));
    if (path.isHandedOver) [at, run.partition.isCut] = [0, true];
    const startedMs = Date.now();
    const heard = await connected.call(kind === 'unsafe' ? 'write' : 'read');
    const came = cameOf(heard, Date.now() - startedMs);
    if ('error' in heard) run.plan.told = `${heard.error.code} ${heard.error.message}`.slice(0, 200);
    if (path.isHandedOver) [at, run.partition.isCut] = [1, false];
    for (let turn = 0; turn < TURNS; turn++) if ('result' in (await connected.tools())) return came;
    return 'LOST';
  } finally {
    await connected?.close();
    front.close();
  }
}

/** The paths that official clients take, each by each of these clients. */
export const officialPaths = (clients: readonly OfficialKind[], forkServers: ForkServers = new Map()): Path[] =>
  OFFICIAL_PATHS.flatMap((path) =>
    clients.map((client) => {
      const connect: Connect = (url) => connectAny(client, { url, timeoutSeconds: TIMEOUT_SECONDS, forkServers });
      return {
        name: `${path.name}, ${OFFICIAL_CLIENTS[client]}`,
        like: path.name,
        kinds: ['safe', 'unsafe'] as const,
        meet: (run: FaultRun, fault: Fault, kind: Kind) => meet(run, fault, kind, connect, path),
      };
    }),
  );
