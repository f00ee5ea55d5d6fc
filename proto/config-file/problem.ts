/** One thing that is wrong with the configuration: where, what was expected, what is there, and what to do. */
export interface Problem {
  /** `servers[0].backends[1].weight`, the name of an environment variable, or an option of the command line. */
  path: string;
  /** 1-based position in the file; null for problems of the environment and of the command line. */
  line: number | null;
  column: number | null;
  expected: string;
  got: string;
  suggestion: string | null;
}

export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
  return text === '' ? '(top)' : text;
}

/** What a person sees of a value: short, and never more than its beginning. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value !== null && typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** `holdfast.yaml:12:5: servers[0].path: expected …, got …. Did you mean …?` */
export function formatProblem(problem: Problem, file: string): string {
  const elsewhere = problem.path.startsWith('-') ? 'command line' : 'environment';
  const where = problem.line === null ? elsewhere : `${file}:${problem.line}:${problem.column ?? 1}`;
  const hint = problem.suggestion === null ? '' : ` ${problem.suggestion}`;
  return `${where}: ${problem.path}: expected ${problem.expected}; got ${problem.got}.${hint}`;
}
