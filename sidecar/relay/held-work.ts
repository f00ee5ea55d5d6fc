import type { SessionDirectory } from '../session/session-directory.ts';
import { SessionCalls } from './call/session-calls.ts';
import type { RelayMetrics } from './relay-context.ts';
import { GetStreams } from './stream/get-streams.ts';

/** The calls and GET streams that a relay holds, by session. The session budget asks for them too, so they are made before both. */
export class HeldWork {
  readonly calls: SessionCalls;
  readonly streams: GetStreams;

  constructor(directory: SessionDirectory, metrics: Pick<RelayMetrics, 'relayStreams'>) {
    this.calls = new SessionCalls((server, count) => metrics.relayStreams(server, 'call', count));
    this.streams = new GetStreams(directory, (server, count) => metrics.relayStreams(server, 'stream', count));
  }

  /** Whether a call or stream of the session is open here. */
  isBusy(digest: string): boolean {
    return this.calls.of(digest) > 0 || this.streams.openOf(digest) !== undefined;
  }
}
