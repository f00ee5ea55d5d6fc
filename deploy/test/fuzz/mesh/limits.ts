/** An answer later than this is a finding, streams aside. */
export const ANSWER_WITHIN_MS = 1000;

/** Where a worker connects from: each from an address of its own. */
export const sourceOf = (worker: number): string => `127.0.${2 + (worker % 250)}.1`;
