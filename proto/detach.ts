/**
 * Lets a promise run without anybody waiting for it. A rejection, and an exception of `work` itself, go to `onError`; nothing reaches the
 * process. A bare `void promise` is not allowed in the product's folders: its rejection would end the process.
 */
export function detach(work: Promise<unknown> | (() => unknown), onError: (error: unknown) => void): void {
  try {
    const promise = typeof work === 'function' ? work() : work;
    if (promise instanceof Promise) promise.catch((error: unknown) => report(error, onError));
  } catch (error) {
    report(error, onError);
  }
}

/** The report of a failure must not become one. */
function report(error: unknown, onError: (error: unknown) => void): void {
  try {
    onError(error);
  } catch {
    // Nobody is left to tell.
  }
}
