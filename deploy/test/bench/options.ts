import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { atLeast, atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { benchMesh, compareMeshes } from './load/side-by-side.ts';
import type { Bench } from './main.ts';

const RULES = 100;
const WATCHERS = 3;
/** What each side may cost: CPU ÷ that of a mesh without. The rules concern guarded calls alone. */
const MOST = { rules: 1.05, consoles: 1.01, tap: 1.03 };

/** None of them fits the tool that is called: all are looked at before the default says yes. */
const authorization = {
  default: 'allow',
  rules: Array.from({ length: RULES }, (_, index) => ({
    name: `rule-${index}`,
    effect: index % 5 === 0 ? 'deny' : 'allow',
    tools: [`tool_${index}`, `set_${index}_*`, `*_${index}`],
  })),
};

/** Reads what the admin API streams at `path`, `watchers` times, until the signal. */
async function watch({ controlPlane }: Mesh, path: string, watchers: number, signal: AbortSignal) {
  let bytes = 0;
  const read = async (): Promise<void> => {
    const { body, status } = await fetch(`${controlPlane.adminUrl}${path}`, { signal });
    if (status !== 200 || body === null) throw new Error(`${path}: ${status}`);
    const sink = new WritableStream<Uint8Array>({
      write(piece) {
        bytes += piece.length;
      },
    });
    body.pipeTo(sink, { signal }).catch(() => {});
  };
  for (let watcher = 0; watcher < watchers; watcher++) await read();
  return { bytes: () => bytes };
}

export const bench: Bench = {
  description: `what ${RULES} rules cost a guarded call, and ${WATCHERS} watchers of the console and a tap with a filter a gateway, beside a mesh without, in one run`,
  async run({ say, seconds }) {
    await using plain = await startMesh(benchMesh());
    await using ruled = await startMesh(
      benchMesh(undefined, (config) => {
        config.servers = config.servers.map((server) =>
          server.name === 'guarded' ? { ...server, authorization } : server,
        );
      }),
    );
    await using watched = await startMesh(benchMesh());
    await using tapped = await startMesh(benchMesh());
    const ended = new AbortController();
    try {
      const consoles = await watch(watched, '/v1/live', WATCHERS, ended.signal);
      const tap = await watch(tapped, '/v1/tap?server=guarded', 1, ended.signal);
      const sides = new Map([
        ['plain', plain],
        ['rules', ruled],
        ['consoles', watched],
        ['tap', tapped],
      ]);
      const figures = await compareMeshes(sides, seconds);
      say(
        table(
          ['mode', 'side', 'requests/s ÷ plain', 'plain µs', 'µs', 'least plain µs', 'least µs', 'least ÷ least'],
          figures.map(({ mode, side, throughput, cpuUs, leastCpuUs: least }) => [
            ...[mode, side],
            ...[throughput, cpuUs.first, cpuUs.this, least.first, least.this, least.this / least.first].map(round),
          ]),
        ),
      );
      return {
        objectives: [
          ...figures
            .filter(({ mode, side }) => side !== 'rules' || mode === 'guarded')
            .map(({ mode, side, leastCpuUs: least }) =>
              atMost(
                `${mode}, ${side}: CPU per request ÷ plain`,
                MOST[side as keyof typeof MOST],
                least.this / least.first,
              ),
            ),
          atLeast('bytes that the consoles read', 1, consoles.bytes()),
          atLeast('bytes that the tap read', 1, tap.bytes()),
          exactly(
            'errors',
            0,
            figures.reduce((sum, { errors }) => sum + errors, 0),
          ),
        ],
        figures: { figures },
      };
    } finally {
      ended.abort();
    }
  },
};
