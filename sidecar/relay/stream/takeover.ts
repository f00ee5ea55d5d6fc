import type { RelayContext } from '../relay-context.ts';
import type { HeldStream } from './get-streams.ts';

type Context = Pick<RelayContext, 'streams' | 'directory' | 'now' | 'nodeGoneMs'>;

/** `here`: this relay held older streams. `asked`: other nodes may hold one, and were told to end it. `nobody`: there is no one to ask. */
type Asked = 'here' | 'asked' | 'nobody';

/** A replica that gives a session one stream refuses its newest. Those that the mesh holds are older, and end. */
export class Takeover {
  readonly #ctx: Context;
  readonly #digest: string;
  readonly #newest: HeldStream;
  #askedMs: number | null = null;

  constructor(ctx: Context, digest: string, newest: HeldStream) {
    this.#ctx = ctx;
    this.#digest = digest;
    this.#newest = newest;
  }

  async begin(): Promise<Asked> {
    const { directory, now, streams } = this.#ctx;
    if (streams.takeOver(this.#digest, this.#newest)) return 'here';
    if (!(await directory.claimStream(this.#newest.server, this.#digest))) return 'nobody';
    this.#askedMs = now();
    return 'asked';
  }

  /** A node that lives has let go by now. */
  get isHeldByTheDead(): boolean {
    return this.#askedMs !== null && this.#ctx.now() - this.#askedMs >= this.#ctx.nodeGoneMs;
  }

  /** The replica gave the stream. */
  won(): void {
    this.#askedMs = null;
  }
}
