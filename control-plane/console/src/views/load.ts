import { useEffect, useState } from 'preact/hooks';
import { connection } from '../live/stream.ts';

export type Loaded<Value> = { kind: 'waiting' } | { kind: 'here'; value: Value } | { kind: 'failed'; why: string };

/** What a request answers; asked again when `what` changes, and when the control plane is there again. */
export function useLoaded<Value>(what: string | null, load: () => Promise<Value>): Loaded<Value> {
  const [found, setFound] = useState<Loaded<Value>>({ kind: 'waiting' });
  const isLive = connection.value.kind === 'live';
  useEffect(() => {
    if (what === null || !isLive) return;
    let isWanted = true;
    // What was found stays in sight while it is looked for again.
    setFound((before) => (before.kind === 'here' ? before : { kind: 'waiting' }));
    load().then(
      (value) => isWanted && setFound({ kind: 'here', value }),
      (error: Error) => isWanted && setFound({ kind: 'failed', why: error.message }),
    );
    return () => {
      isWanted = false;
    };
  }, [what, isLive]);
  return found;
}
