import type { SessionDirectory } from '../../session/session-directory.ts';
import type { SessionRecord } from '../../../proto/session-record.ts';
import type { TraceContext } from '../../tracing/trace-context.ts';

interface Traced {
  readonly context: TraceContext | null;
}

/** One GET stream, as those see it who move and end sessions. */
export interface HeldStream {
  readonly server: string;
  readonly headers: readonly string[];
  /** `wasOpen`: a replica answered on it. `trace`: null while nobody traces it. */
  readonly told: { readonly wasOpen: boolean; readonly outcome: { readonly trace: Traced | null } };
  moved(record: SessionRecord | null): void;
  ended(): void;
}

/** The GET streams that this relay holds, by session. One that moves, by whoever's doing, takes its streams along. */
export class GetStreams {
  readonly #streams = new Map<string, Set<HeldStream>>();
  /** For these the replica has yet to notice that the former stream is gone. */
  readonly #takingOver = new WeakSet<HeldStream>();
  readonly #servers = new Map<string, number>();
  readonly #changed: (server: string, open: number) => void;
  readonly #stop: (() => void)[];

  constructor(directory: SessionDirectory, changed: (server: string, open: number) => void) {
    this.#changed = changed;
    this.#stop = [
      directory.on('moved', ({ digest, record }) => {
        for (const stream of this.#of(digest)) stream.moved(record);
      }),
      directory.on('claimed', ({ digest }) => {
        for (const stream of this.#of(digest)) stream.ended();
      }),
      directory.on('ended', ({ digest }) => {
        for (const stream of this.#of(digest)) stream.ended();
      }),
    ];
  }

  /** Holds one more stream of a session. Beyond `most` the oldest ones end; their number. */
  add(server: string, digest: string, stream: HeldStream, most: number): number {
    const streams = this.#streams.get(digest) ?? new Set();
    this.#streams.set(digest, streams.add(stream));
    this.#count(server, 1);
    const oldest = [...streams].slice(0, Math.max(0, streams.size - most));
    for (const old of oldest) old.ended();
    return oldest.length;
  }

  /**
   * A replica that gives a session one stream refuses its newest. Those held here are older, and their client may be long gone: they end. False: there
   * were none.
   */
  takeOver(digest: string, newest: HeldStream): boolean {
    const others = this.#of(digest).filter((stream) => stream !== newest);
    for (const stream of others) stream.ended();
    if (others.length > 0) this.#takingOver.add(newest);
    return this.#takingOver.has(newest);
  }

  delete(server: string, digest: string, stream: HeldStream): void {
    const streams = this.#streams.get(digest);
    if (!streams?.delete(stream)) return;
    if (streams.size === 0) this.#streams.delete(digest);
    this.#count(server, -1);
  }

  /**
   * An open stream of the session: its headers are what its client showed, to move the session while it is idle. Undefined when this relay holds
   * none.
   */
  openOf(digest: string): Pick<HeldStream, 'headers' | 'told'> | undefined {
    for (const stream of this.#streams.get(digest) ?? []) if (stream.told.wasOpen) return stream;
    return undefined;
  }

  /** Sessions with a stream. */
  *open(): Iterable<{ server: string; digest: string }> {
    for (const [digest, streams] of this.#streams)
      for (const { server } of streams) {
        yield { server, digest };
        break;
      }
  }

  /** Ends all of them: their clients come back to another node. */
  close(): void {
    for (const stop of this.#stop) stop();
    for (const streams of [...this.#streams.values()]) for (const stream of [...streams]) stream.ended();
  }

  #of(digest: string): HeldStream[] {
    return [...(this.#streams.get(digest) ?? [])];
  }
  #count(server: string, by: number): void {
    const open = (this.#servers.get(server) ?? 0) + by;
    this.#servers.set(server, open);
    this.#changed(server, open);
  }
}
