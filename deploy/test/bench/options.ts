import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { atLeast, atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { benchMesh, compareMeshes, type Disturbed } from './load/side-by-side.ts';
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

/** Reads what the admin API streams at a path. */
class Watchers {
  bytes = 0;
  readonly #url: string;
  readonly #count: number;
  constructor({ controlPlane }: Mesh, path: string, count: number) {
    this.#url = `${controlPlane.adminUrl}${path}`;
    this.#count = count;
  }
  /** Resolves when each watcher's stream has begun; what it returns ends them. */
  begin = async (): Promise<() => void> => {
    const ended = new AbortController();
    for (let watcher = 0; watcher < this.#count; watcher++) await this.#watch(ended.signal);
    return () => ended.abort();
  };
  async #watch(signal: AbortSignal): Promise<void> {
    const { body, status } = await fetch(this.#url, { signal });
    if (status !== 200 || body === null) throw new Error(`${this.#url}: ${status}`);
    const sink = new WritableStream<Uint8Array>({
      write: (piece) => {
        this.bytes += piece.length;
      },
    });
    body.pipeTo(sink, { signal }).catch(() => {});
  }
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
    const consoles = new Watchers(plain, '/v1/live', WATCHERS);
    const tap = new Watchers(plain, '/v1/tap?server=guarded', 1);
    // Consoles and tap watch the mesh that is measured without them as well: two meshes differ by more than they cost.
    const figures = await compareMeshes(
      new Map<string, Mesh | Disturbed>([
        ['plain', plain],
        ['rules', ruled],
        ['consoles', { mesh: plain, during: consoles.begin }],
        ['tap', { mesh: plain, during: tap.begin }],
      ]),
      seconds,
    );
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
        atLeast('bytes that the consoles read', 1, consoles.bytes),
        atLeast('bytes that the tap read', 1, tap.bytes),
        exactly(
          'errors',
          0,
          figures.reduce((sum, { errors }) => sum + errors, 0),
        ),
      ],
      figures: { figures },
    };
  },
};
