import test from 'ava';
import fc from 'fast-check';
import { RESOURCE_TYPE as TYPE } from '../../proto/xds/loader.ts';
import type { DeltaRequest } from './delta-subscription.ts';
import {
  EMPTY_STREAM,
  isSettled,
  nextPush,
  ORDER_WAIT_MS,
  receive,
  RESPONSE_BYTES,
  type DeltaStream,
  type Push,
} from './delta-stream.ts';
import type { Resources, XdsResource } from './resource.ts';

/** Without real messages: only names, versions and sizes matter to the protocol. */
const resource = (name: string, version: string, size = 1): XdsResource => ({
  name,
  version,
  any: { type_url: '', value: new Uint8Array(size) },
  references: [],
});
const request = (parts: Partial<DeltaRequest> = {}): DeltaRequest => ({
  subscribe: [],
  unsubscribe: [],
  initialVersions: {},
  nonce: '',
  error: null,
  ...parts,
});

function drain(
  stream: DeltaStream,
  resources: Resources,
  nowMs = 0,
): { stream: DeltaStream; pushes: Push[]; wakeAtMs: number | null } {
  const pushes: Push[] = [];
  for (;;) {
    const next = nextPush(stream, resources, nowMs);
    stream = next.stream;
    if (!next.push) return { stream, pushes, wakeAtMs: next.wakeAtMs };
    pushes.push(next.push);
  }
}
const world = (parts: Record<string, XdsResource[]>): Resources =>
  new Map(Object.entries(parts).map(([type, list]) => [type, new Map(list.map((each) => [each.name, each]))]));

test('routes wait for a cluster that is not settled, but not for ever', (t) => {
  const resources = world({ [TYPE.cluster]: [resource('a', '1')], [TYPE.routes]: [resource('r', '1')] });
  let { stream } = receive(EMPTY_STREAM, TYPE.cluster, request());
  ({ stream } = receive(stream, TYPE.routes, request({ subscribe: ['r'] })));
  const first = drain(stream, resources, 1000);
  t.deepEqual(
    first.pushes.map(({ typeUrl }) => typeUrl),
    [TYPE.cluster],
  );
  t.is(first.wakeAtMs, 1000 + ORDER_WAIT_MS);
  const later = drain(first.stream, resources, 1000 + ORDER_WAIT_MS);
  t.deepEqual(
    later.pushes.map(({ typeUrl }) => typeUrl),
    [TYPE.routes],
  );
  t.false(isSettled(later.stream, resources));
});

test('a cluster stays while the client refuses the routes that no longer use it', (t) => {
  const before = world({ [TYPE.cluster]: [resource('a', '1')], [TYPE.routes]: [resource('r', '1')] });
  let { stream } = receive(EMPTY_STREAM, TYPE.cluster, request({ initialVersions: { a: '1' } }));
  ({ stream } = receive(stream, TYPE.routes, request({ subscribe: ['r'], initialVersions: { r: '1' } })));
  t.deepEqual(drain(stream, before).pushes, []);
  const after = world({ [TYPE.routes]: [resource('r', '2')] });
  const {
    stream: sent,
    pushes: [routes],
  } = drain(stream, after);
  ({ stream } = receive(sent, TYPE.routes, request({ nonce: routes!.nonce, error: 'no' })));
  const held = drain(stream, after, 1e9);
  t.deepEqual([held.pushes, held.wakeAtMs], [[], null]);
  const better = drain(held.stream, world({ [TYPE.routes]: [resource('r', '3')] }), 1e9);
  ({ stream } = receive(better.stream, TYPE.routes, request({ nonce: better.pushes[0]!.nonce })));
  t.deepEqual(
    drain(stream, world({ [TYPE.routes]: [resource('r', '3')] }), 1e9).pushes.map(({ remove }) => remove),
    [['a']],
  );
});

test('much is sent in portions, one at a time', (t) => {
  const resources = world({
    [TYPE.cluster]: Array.from({ length: 5 }, (_, index) => resource(`c${index}`, '1', RESPONSE_BYTES / 2)),
  });
  let { stream } = receive(EMPTY_STREAM, TYPE.cluster, request());
  const sizes: number[] = [];
  for (;;) {
    const next = drain(stream, resources);
    if (next.pushes.length === 0) break;
    t.is(next.pushes.length, 1);
    sizes.push(next.pushes[0]!.send.length);
    ({ stream } = receive(next.stream, TYPE.cluster, request({ nonce: next.pushes[0]!.nonce })));
  }
  t.deepEqual(sizes, [2, 2, 1]);
});

const NAMES = ['a', 'b', 'c', 'd'];

/** Version 5 of anything is one that the client refuses. */
const isBad = (version: string) => version === '5';

type Step =
  | { kind: 'set'; name: string; version: number }
  | { kind: 'delete' | 'subscribe' | 'unsubscribe'; name: string }
  | { kind: 'read' | 'reconnect' | 'push' };

/** A server with clusters, one stream, what is on the wire, and a client that plays by the rules. */
class Play {
  stream = EMPTY_STREAM;
  wire: Push[] = [];
  readonly server = new Map<string, XdsResource>();
  readonly has = new Map<string, string>();
  readonly resources: Resources = new Map([[TYPE.cluster, this.server]]);
  readonly #wants = new Set<string>(['*']);

  isWanted(name: string): boolean {
    return this.#wants.has('*') || this.#wants.has(name);
  }

  connect(): void {
    this.wire = [];
    this.stream = EMPTY_STREAM;
    this.#receive({ subscribe: [...this.#wants], initialVersions: Object.fromEntries(this.has) });
  }

  take(step: Step): void {
    switch (step.kind) {
      case 'set':
        this.server.set(step.name, resource(step.name, String(step.version)));
        return;
      case 'delete':
        this.server.delete(step.name);
        return;
      case 'read':
        return this.#read();
      case 'push':
        return this.#push();
      case 'reconnect':
        if (this.#wants.size > 0) this.connect();
        return;
      case 'subscribe':
        this.#wants.add(step.name);
        return this.#receive({ subscribe: [step.name] });
      case 'unsubscribe':
        this.#wants.delete(step.name);
        for (const name of this.has.keys()) if (!this.isWanted(name)) this.has.delete(name);
        return this.#receive({ unsubscribe: [step.name] });
    }
  }

  /** Pushes and reads until nothing is left, at most 50 times. */
  settle(): void {
    for (let round = 0; round < 50; round++) {
      this.#push();
      if (this.wire.length === 0) return;
      this.#read();
    }
  }

  #receive(what: Parameters<typeof request>[0]): void {
    ({ stream: this.stream } = receive(this.stream, TYPE.cluster, request(what)));
  }

  #push(): void {
    const drained = drain(this.stream, this.resources);
    this.stream = drained.stream;
    this.wire.push(...drained.pushes);
  }

  #read(): void {
    const delta = this.wire.shift();
    if (!delta) return;
    const isRefused = delta.send.some(({ version }) => isBad(version));
    if (!isRefused) this.#keep(delta);
    this.#receive({ nonce: delta.nonce, error: isRefused ? 'bad' : null });
  }

  #keep({ send, remove }: Push): void {
    for (const { name, version } of send) if (this.isWanted(name)) this.has.set(name, version);
    for (const name of remove) this.has.delete(name);
  }
}

test('whatever is subscribed, changed, refused or interrupted, a client that plays by the rules ends up with exactly what it wants', (t) => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('set' as const),
      name: fc.constantFrom(...NAMES),
      version: fc.integer({ min: 1, max: 5 }),
    }),
    fc.record({ kind: fc.constant('delete' as const), name: fc.constantFrom(...NAMES) }),
    fc.record({ kind: fc.constant('subscribe' as const), name: fc.constantFrom(...NAMES, '*') }),
    fc.record({ kind: fc.constant('unsubscribe' as const), name: fc.constantFrom(...NAMES, '*') }),
    fc.record({ kind: fc.constant('read' as const) }),
    fc.record({ kind: fc.constant('reconnect' as const) }),
    fc.record({ kind: fc.constant('push' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const play = new Play();
      play.connect();
      for (const each of steps) play.take(each);
      play.settle();
      t.is(play.wire.length, 0, 'it comes to rest');
      for (const name of NAMES) {
        const wanted = play.isWanted(name) ? play.server.get(name)?.version : undefined;
        // A refused version leaves the client with what it had before.
        if (wanted === undefined || !isBad(wanted)) t.is(play.has.get(name), wanted, name);
      }
      t.true(isSettled(play.stream, play.resources));
    }),
    { numRuns: 5000 },
  );
});
