/** One reader under test: throws when what it says of `input` can't be true. `cut` is a random position for whatever may be cut. */
export type FuzzTarget = (input: Buffer, cut: number) => void;

export function fail(what: string): never {
  throw new Error(what);
}
