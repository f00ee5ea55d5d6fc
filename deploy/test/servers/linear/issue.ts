export interface Issue {
  id: string;
  title: string;
  state: 'open' | 'started' | 'done';
  labels: string[];
}

const SEED: readonly Issue[] = [
  { id: 'ENG-1', title: 'Search forgets its filters', state: 'open', labels: ['bug'] },
  { id: 'ENG-2', title: 'Export as CSV', state: 'started', labels: ['feature'] },
  { id: 'ENG-3', title: 'Login page flickers', state: 'done', labels: ['bug', 'web'] },
];

/** The issues of this process: shared by its sessions, as a real server would share a database. */
export const issues = new Map<string, Issue>(SEED.map((issue) => [issue.id, { ...issue }]));

let created = SEED.length;
export const ISSUES_MAX = 10_000;

export function newIssue(title: string, labels: string[]): Issue {
  const issue: Issue = { id: `ENG-${++created}`, title, state: 'open', labels };
  issues.set(issue.id, issue);
  return issue;
}

export const issueUri = (id: string): string => `issue:///${id}`;
/** The session's own cart, as a resource. */
export const CART_URI = 'cart:///mine';
