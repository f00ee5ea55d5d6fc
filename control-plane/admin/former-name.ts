/** For one version, `description` has its former name `says` beside it: a `holdfast` command of the version before reads that. */
export const withFormerName = <T extends { description: string }>(all: readonly T[]): (T & { says: string })[] =>
  all.map((each) => ({ ...each, says: each.description }));
