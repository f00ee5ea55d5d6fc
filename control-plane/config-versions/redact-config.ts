import { isScalar, parseDocument, visit } from 'yaml';
import { REDACTED, redactUrl, redactUrls } from '../../proto/redact-url.ts';

interface Found {
  /** Where it stands in the text. */
  start: number;
  end: number;
  value: string;
  isPlain: boolean;
}

const isUrl = (value: string): boolean =>
  /^\s*(?:https?:|[a-z][a-z0-9+.-]*:[/\\]{1,2})/i.test(value.replace(/[\t\n\r]/g, ''));

/** Every URL that the configuration's own parser finds, however it is quoted, escaped or folded. None in a text that is no YAML. */
function urlsOf(text: string): Found[] {
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) return [];
  const found: Found[] = [];
  visit(document, (_key, node) => {
    if (!isScalar(node) || typeof node.value !== 'string' || !node.range || !isUrl(node.value)) return;
    const [start, end] = node.range;
    found.push({ start, end, value: node.value, isPlain: text.slice(start, end) === node.value });
  });
  return found.sort((a, b) => a.start - b.start);
}

/** A configuration's text without what its URLs may hold of users and passwords, comments included. */
export function redactConfig(text: string): string {
  let out = '',
    done = 0;
  for (const { start, end, value, isPlain } of urlsOf(text)) {
    if (start < done) continue;
    const safe = redactUrl(value);
    const kept = isPlain || safe === value ? safe : JSON.stringify(safe);
    out += redactUrls(text.slice(done, start)) + (safe === value ? text.slice(start, end) : kept);
    done = end;
  }
  return out + redactUrls(text.slice(done));
}

/** What `redactConfig` takes out before an `@`, each once. */
export function credentialsOf(text: string): string[] {
  const all = urlsOf(text).flatMap(({ value }) => {
    const safe = redactUrl(value),
      at = safe.indexOf(`${REDACTED}@`);
    if (at < 0) return [];
    const behind = safe.slice(at + REDACTED.length).replace(/[?#].*$/s, '');
    return [value.slice(at, value.indexOf(behind, at))];
  });
  return [...new Set(all)];
}
