/** What no network and no store throws. */
const isBug = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;

/**
 * Where a store that is away is expected and told elsewhere, its errors are dropped. A bug of ours is reported all the
 * same.
 */
export const bugsOnly =
  (report: (error: unknown) => void): ((error: unknown) => void) =>
  (error) => {
    if (isBug(error)) report(error);
  };
