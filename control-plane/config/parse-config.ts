import { parseJsonObject } from '../../proto/parse-json.ts';
import { LineCounter, parseDocument } from 'yaml';
import { applyBreakerTwins } from './breaker-twins.ts';
import { configSchema, type Config } from './config-schema.ts';
import { describeIssue, type Described } from './describe-issue.ts';
import { FEW_ALIASES, yamlValue } from '../../proto/config-file/yaml-value.ts';
import { overlay, readEnvironment, type Environment } from '../../proto/config-file/environment.ts';
import { configJsonSchema, type JsonSchema } from './json-schema.ts';
import { positionOf } from './position.ts';
import { formatPath, showValue, type Problem } from '../../proto/config-file/problem.ts';
import { semanticProblems } from './semantic.ts';

export type ParsedConfig = { kind: 'ok'; config: Config } | { kind: 'bad'; problems: Problem[] };

let schema: JsonSchema | undefined;

/** Reads the configuration file's text and the environment. Every problem is reported, not just the first; nothing is thrown. */
export function parseConfig(text: string, env: Environment): ParsedConfig {
  try {
    return parse(text, env);
  } catch (error) {
    // Aliases that hold themselves, or a text that nests too deep for the parser.
    const got =
      error instanceof RangeError ? 'one that nests too deep' : `one that can’t be read (${(error as Error).name})`;
    return {
      kind: 'bad',
      problems: [{ path: '(file)', line: 1, column: 1, expected: 'a configuration', got, suggestion: null }],
    };
  }
}

function parse(text: string, env: Environment): ParsedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const { values, problems } = readEnvironment(env);
  const namesByPath = new Map([...values].map(([path, { name }]) => [path, name]));

  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0]);
    problems.push({ path: '(file)', line, column: col, expected: 'valid YAML', got: error.message, suggestion: null });
  }
  if (document.errors.length > 0) return { kind: 'bad', problems };

  const report = ({ path, expected, got, suggestion }: Described) => {
    const formatted = formatPath(path);
    const name = [...namesByPath].find(([of]) => formatted === of || formatted.startsWith(`${of}[`))?.[1];
    if (name !== undefined) problems.push({ path: name, line: null, column: null, expected, got, suggestion });
    else problems.push({ path: formatted, ...positionOf(document, lines, path), expected, got, suggestion });
  };

  const read = yamlValue(document);
  if ('problem' in read) {
    const place = { path: '(file)', line: 1, column: 1 };
    problems.push({ ...place, expected: FEW_ALIASES, got: read.problem, suggestion: null });
    return { kind: 'bad', problems };
  }
  const raw = read.value ?? {};
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    report({ path: [], expected: 'a mapping', got: showValue(raw), suggestion: null });
    return { kind: 'bad', problems };
  }
  // A copy: aliases give the same object in several places, and what is written below must not show in the others.
  const settings = parseJsonObject(JSON.stringify(raw)) ?? {};
  overlay(settings, values);
  applyBreakerTwins(settings);

  if (hasNoServer(settings))
    report({
      path: ['servers'],
      expected: 'at least one server',
      got: 'none',
      suggestion: 'Only with controlPlane.kubernetes.servers may there be none in the file.',
    });
  const parsed = configSchema.safeParse(settings, { reportInput: true });
  if (parsed.success) semanticProblems(parsed.data).forEach(report);
  else {
    schema ??= configJsonSchema();
    for (const issue of parsed.error.issues) describeIssue(issue, schema).forEach(report);
  }

  if (problems.length > 0 || !parsed.success)
    return {
      kind: 'bad',
      problems: problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)),
    };
  return { kind: 'ok', config: parsed.data };
}

/** The one problem that is said beside those of the form, because it is what a newcomer's file lacks. */
function hasNoServer({ servers, controlPlane }: Record<string, unknown>): boolean {
  const { kubernetes } = (controlPlane ?? {}) as { kubernetes?: { servers?: unknown } | null };
  const isEmpty = servers === undefined || (Array.isArray(servers) && servers.length === 0);
  return isEmpty && kubernetes?.servers == null;
}
