/**
 * A condition on the head of a request, as data: Envoy's matchers and `explain` are made from it. A header's several values are joined by a comma; `:method`,
 * `:path` (with its query) and `:authority` are headers, too.
 */
export type Condition =
  | { is: 'present'; header: string }
  | { is: 'equal'; header: string; value: string }
  /** The whole value, by an expression that RE2 and JavaScript read alike. */
  | { is: 'like'; header: string; regex: string; isAnyCase: boolean }
  | { is: 'not'; condition: Condition }
  | { is: 'any'; of: readonly Condition[] };

/** Headers of a request by their names in lower case. */
export type RequestHead = Readonly<Record<string, string>>;

export const present = (header: string): Condition => ({ is: 'present', header });
const equal = (header: string, value: string): Condition => ({ is: 'equal', header, value });
export const like = (header: string, regex: string): Condition => ({ is: 'like', header, regex, isAnyCase: false });
export const likeInAnyCase = (header: string, regex: string): Condition => ({
  is: 'like',
  header,
  regex,
  isAnyCase: true,
});
export const not = (condition: Condition): Condition => ({ is: 'not', condition });
export const absent = (header: string): Condition => not(present(header));
export const anyOf = (...of: readonly Condition[]): Condition => {
  const [first, ...others] = of;
  return first !== undefined && others.length === 0 ? first : { is: 'any', of };
};
export const isMethod = (...methods: readonly string[]): Condition =>
  anyOf(...methods.map((method) => equal(':method', method)));

/** Of a header in digits, of which one at least is not 0. */
export const POSITIVE = '[0-9]*[1-9][0-9]*';

export function holds(condition: Condition, head: RequestHead): boolean {
  if (condition.is === 'not') return !holds(condition.condition, head);
  if (condition.is === 'any') return condition.of.some((each) => holds(each, head));
  const value = head[condition.header];
  if (value === undefined) return false;
  switch (condition.is) {
    case 'present':
      return true;
    case 'equal':
      return value === condition.value;
    case 'like':
      return new RegExp(`^(?:${condition.regex})$`, condition.isAnyCase ? 'i' : '').test(value);
  }
}
