import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { benchMesh, compareMeshes } from './load/side-by-side.ts';
import type { Bench } from './main.ts';

const RULES = 100;
const WATCHERS = 3;
/** What the rules may cost a guarded call, and watchers of the console a gateway: CPU ÷ that of a mesh without. */
const MOST_RULES = 1.05;
const MOST_WATCHERS = 1.01;

/** None of them fits the tool that is called: all are looked at before the default says yes. */
const authorization = {
  default: 'allow',
  rules: Array.from({ length: RULES }, (_, index) => ({
    name: `rule-${index}`,
    effect: index % 5 === 0 ? 'deny' : 'allow',
    tools: [`tool_${index}`, `set_${index}_*`, `*_${index}`],
  })),
};

/** Pages of the console, which read what it streams to them until the signal. */
async function openConsoles({ controlPlane }: Mesh, signal: AbortSignal): Promise<{ bytes(): number }> {
  let bytes = 0;
  const read = async (): Promise<void> => {
    const { body, status } = await fetch(`${controlPlane.adminUrl}/v1/live`, { signal });
    if (status !== 200 || body === null) throw new Error(`the console's stream: ${status}`);
    const sink = new WritableStream<Uint8Array>({
      write(piece) {
        bytes += piece.length;
      },
    });
    body.pipeTo(sink, { signal }).catch(() => {});
  };
  for (let watcher = 0; watcher < WATCHERS; watcher++) await read();
  return { bytes: () => bytes };
}

export const bench: Bench = {
  description: `what ${RULES} rules cost a guarded call, and ${WATCHERS} watchers of the console a gateway, beside a mesh without, in one run`,
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
    const ended = new AbortController();
    try {
      const consoles = await openConsoles(watched, ended.signal);
      const sides = new Map([
        ['plain', plain],
        ['rules', ruled],
        ['consoles', watched],
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
            .filter(({ mode, side }) => side === 'consoles' || mode === 'guarded')
            .map(({ mode, side, leastCpuUs: least }) =>
              atMost(
                `${mode}, ${side}: CPU per request ÷ plain`,
                side === 'rules' ? MOST_RULES : MOST_WATCHERS,
                least.this / least.first,
              ),
            ),
          exactly('consoles that heard nothing', 0, consoles.bytes() === 0 ? WATCHERS : 0),
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
