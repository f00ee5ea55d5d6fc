import { parseJson } from '../../../../proto/parse-json.ts';

/** The parts of V8's CPU profile that are read: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/. Times are µs of the machine's monotonic clock. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

/** Where a frame's own time goes, for people; null: nothing ran. The first pattern that fits counts. */
const PLACES: readonly [RegExp, string][] = [
  [/\/node_modules\/undici\//, 'undici: HTTP with the replica'],
  [/^node:(internal\/)?(_?http|.*http_|_http_)/, 'node:http: HTTP with Envoy'],
  [/^node:.*(net|stream|stream_base_commons|streams?\/)/, 'node:net, node:stream: sockets'],
  [/^node:.*(timers|async_hooks|process|events|abort)/, 'timers, events, promises of Node'],
  [/^node:/, 'the rest of Node'],
  [/\/sidecar\/relay\//, 'sidecar/relay'],
  [/\/sidecar\/replica\//, 'sidecar/replica'],
  [/\/sidecar\/(outcome|metrics|breaker|tracing|watch|audit)\//, 'sidecar: outcomes, metrics, breakers'],
  [/\/sidecar\//, 'sidecar: budgets, sessions, the rest'],
  [/\/proto\//, 'proto: JSON-RPC, event streams, ids'],
  [/\/node_modules\//, 'other packages'],
];

const WRITES = /^(write|shutdown)/;

/** `caller`: where the caller's own time goes; functions that Node brings in C++ count there. */
function placeOf({ functionName, url }: { functionName: string; url: string }, caller: string | null): string | null {
  if (functionName === '(idle)') return null;
  if (functionName === '(garbage collector)') return 'garbage collector';
  if (functionName === '(program)') return 'system calls and V8 itself';
  if (url === '' && WRITES.test(functionName)) return 'writes to sockets';
  if (url.startsWith('wasm:')) return 'undici: HTTP with the replica';
  return PLACES.find(([pattern]) => pattern.test(url))?.[1] ?? caller ?? 'functions of V8';
}

/** The place of each node's own time. A node stands after the one that called it. */
function placesOf(nodes: CpuProfile['nodes']): Map<number, string | null> {
  const callers = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const places = new Map<number, string | null>();
  for (const { id, callFrame } of nodes) places.set(id, placeOf(callFrame, places.get(callers.get(id) ?? 0) ?? null));
  return places;
}

/** Share of each place in the time that was not idle, between two moments in µs of the same clock; the greatest first. */
export function sharesOf(text: string, fromUs: number, toUs: number): [string, number][] {
  const profile = parseJson(text) as unknown as CpuProfile;
  const frames = placesOf(profile.nodes);
  const spent = new Map<string, number>();
  let atUs = profile.startTime;
  for (const [index, sample] of profile.samples.entries()) {
    const tookUs = profile.timeDeltas[index + 1] ?? 0;
    atUs += profile.timeDeltas[index] ?? 0;
    const place = frames.get(sample);
    if (place && atUs >= fromUs && atUs <= toUs) spent.set(place, (spent.get(place) ?? 0) + tookUs);
  }
  const all = [...spent.values()].reduce((sum, one) => sum + one, 0);
  return [...spent]
    .map(([place, us]): [string, number] => [place, us / all])
    .toSorted(([, one], [, other]) => other - one);
}
