/** What stands in the place of a user, a password, or anything else that may be one. */
export const REDACTED = '***';

/** The URL parser takes http and https without slashes too. */
const SCHEME = /\b(?:https?:[/\\]*|[a-z][a-z0-9+.-]*:\/\/)/gi;
const WHOLE_URL = /\b(?:https?:|[a-z][a-z0-9+.-]*:\/\/)[^\s"'`<>]+/gi;
const REDIS = /^rediss?(?:\+[a-z]+)?:/i;
/** Names of parameters whose values are nobody's business. */
const SECRET_PARAMETER = /([?&#;][^=&#;\s]*(?:pass|pwd|secret|token|key|auth|cred|sig|user)[^=&#;\s]*=)[^&#;\s]*/gi;

/**
 * The same URL without user, password and secret parameters. Everything before the last `@` goes: a password may hold
 * an `@`, a slash or a space, or stand before a later host. Query and fragment of a Redis URL go too. Too much goes
 * rather than too little.
 */
export function redactUrl(given: string): string {
  const isRedis = REDIS.test(given.trim());
  // The URL parser drops these, wherever they are.
  const url = isRedis ? given : given.replace(/[\t\n\r]/g, '');
  const scheme = /^\s*[a-z][a-z0-9+.-]*:[/\\]*/i.exec(url)?.[0] ?? '';
  let rest = url.slice(scheme.length);
  // Elsewhere a path may have an `@`; where the authority ends is what the URL standard says.
  const end = isRedis ? rest.length : lengthOfAuthority(rest);
  const at = rest.lastIndexOf('@', end - 1);
  if (at >= 0 && end > 0) rest = `${REDACTED}${rest.slice(at)}`;
  if (isRedis) return scheme + rest.replace(/[?#][\s\S]*$/, (found) => `${found[0]}${REDACTED}`);
  return scheme + rest.replace(SECRET_PARAMETER, `$1${REDACTED}`);
}

function lengthOfAuthority(rest: string): number {
  const end = rest.search(/[/?#\\]/);
  return end < 0 ? rest.length : end;
}

/**
 * Every URL of a text, as `redactUrl` does it. A blank may be part of a password that nobody encoded. So a URL in
 * quotes ends with the quotes, and another one with its line or a comment.
 */
export function redactUrls(text: string): string {
  let out = '',
    done = 0;
  for (const match of text.matchAll(SCHEME)) {
    const { index } = match;
    if (index < done) continue;
    const line = text.slice(index, endOfLine(text, index));
    const start = match[0].length;
    const end = REDIS.test(line) ? line.length : start + lengthOfAuthority(line.slice(start));
    out += text.slice(done, index) + redactUrl(line.slice(0, end));
    done = index + end;
  }
  return (out + text.slice(done)).replace(WHOLE_URL, (url) => url.replace(SECRET_PARAMETER, `$1${REDACTED}`));
}

function endOfLine(text: string, start: number): number {
  const quote = text[start - 1];
  if (quote === '"' || quote === "'" || quote === '`') {
    const closing = text.indexOf(quote, start);
    if (closing >= 0) return closing;
  }
  const found = /[\n\r]|\s#/g;
  found.lastIndex = start;
  return found.exec(text)?.index ?? text.length;
}
