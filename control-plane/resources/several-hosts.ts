import { directResponse } from './direct-response.ts';
import { headerInput, takeRoute } from './matcher.ts';

const AUTHORITY = ':authority';
/** Envoy joins several Host headers by it, and no host has one. */
const MARK = ',';

/** A request with several Host headers goes nowhere: whoever forwards it may mean another one than we (RFC 9112, 3.2). */
export const severalHosts: object = {
  name: 'several-hosts',
  match: { prefix: '/', headers: [{ name: AUTHORITY, string_match: { contains: MARK } }] },
  ...directResponse(400, 'The request has several Host headers'),
};

/** The same before a virtual host's matcher. */
export const unlessSeveralHosts = (matcher: object): object => ({
  matcher_list: {
    matchers: [
      {
        predicate: { single_predicate: { input: headerInput(AUTHORITY), value_match: { contains: MARK } } },
        on_match: takeRoute(severalHosts),
      },
    ],
  },
  on_no_match: { matcher },
});
