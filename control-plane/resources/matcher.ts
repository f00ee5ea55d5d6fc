import type { Condition } from '../route-table/condition.ts';
import { idPrefix, type RouteRow } from '../route-table/row.ts';
import { HEADER } from '../../proto/wire.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { typed } from '../../proto/xds/loader.ts';

/** What Envoy does on a match: go on matching, or take a route. */
export type OnMatch = { matcher: object } | { action: object };

/** A header's value; several of one name are joined by a comma. */
export const headerInput = (header: string): object => ({
  name: 'header',
  typed_config: typed('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', { header_name: header }),
});

export const takeRoute = (route: object): OnMatch => ({
  action: { name: 'route', typed_config: typed('envoy.config.route.v3.Route', route as Record<string, unknown>) },
});

const single = (header: string, value_match: object): object => ({
  single_predicate: { input: headerInput(header), value_match },
});
const regex = (text: string): object => ({ safe_regex: { google_re2: {}, regex: text } });

/** Any bytes. An absent header meets no expression. */
const ANYTHING = '\\C*';

function predicate(condition: Condition): object {
  switch (condition.is) {
    case 'present':
      return single(condition.header, regex(ANYTHING));
    case 'equal':
      return single(condition.header, { exact: condition.value });
    case 'like':
      return single(condition.header, regex(`${condition.isAnyCase ? '(?i)' : ''}${condition.regex}`));
    case 'not':
      return { not_matcher: predicate(condition.condition) };
    case 'any':
      return { or_matcher: { predicate: condition.of.map(predicate) } };
  }
}

const all = (conditions: readonly Condition[]): object => {
  const [first, ...others] = conditions.map(predicate);
  return first !== undefined && others.length === 0 ? first : { and_matcher: { predicate: [first, ...others] } };
};

/** A row's route; with `endpoint` the one for sessions of its slot. */
export type RouteOf = (row: RouteRow, endpoint?: ReplicaEndpoint) => object;

/** The trie of a row's slots: a request's cost does not grow with them. A session of none of them goes on to `otherwise`. */
const slotTree = (
  row: RouteRow,
  slots: readonly ReplicaEndpoint[],
  routeOf: RouteOf,
  otherwise?: OnMatch,
): OnMatch => ({
  matcher: {
    matcher_tree: {
      input: headerInput(HEADER.sessionId),
      prefix_match_map: {
        map: Object.fromEntries(slots.map((endpoint) => [idPrefix(endpoint.slot), takeRoute(routeOf(row, endpoint))])),
      },
    },
    ...(otherwise && { on_no_match: otherwise }),
  },
});

/**
 * A table as Envoy's matcher. When a row's tree has no place for a request, the list goes on with the next row (Envoy 1.40). Conditions stand
 * here alone: the routes themselves match nothing but their path.
 */
export function tableMatcher(table: readonly RouteRow[], routeOf: RouteOf): OnMatch {
  const always = table.findIndex(({ when }) => when.length === 0),
    row = table[always];
  if (row === undefined) throw new Error('the last row of a route table has conditions');
  const rest =
    row.slots === undefined
      ? takeRoute(routeOf(row))
      : slotTree(row, row.slots, routeOf, tableMatcher(table.slice(always + 1), routeOf));
  if (always === 0) return rest;
  return {
    matcher: {
      matcher_list: {
        matchers: table.slice(0, always).map((each) => ({
          predicate: all(each.when),
          on_match: each.slots === undefined ? takeRoute(routeOf(each)) : slotTree(each, each.slots, routeOf),
        })),
      },
      on_no_match: rest,
    },
  };
}
