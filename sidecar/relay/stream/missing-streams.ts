import type { ServerView } from '../../xds/topology.ts';

/** What servers without a GET stream answered: the next client hears it without another question. A new incarnation of a replica may have one. */
export class MissingStreams {
  readonly #known = new Map<string, { status: number; slots: string }>();

  /** Status with which a replica refused the stream; undefined when none of those that run did. */
  of(view: ServerView): number | undefined {
    const known = this.#known.get(view.name);
    return known?.slots === slotsOf(view) ? known.status : undefined;
  }

  note(view: ServerView, status: number): void {
    this.#known.set(view.name, { status, slots: slotsOf(view) });
  }
}

const slotsOf = ({ endpoints }: ServerView): string =>
  endpoints
    .map(({ slot }) => slot)
    .sort()
    .join();
