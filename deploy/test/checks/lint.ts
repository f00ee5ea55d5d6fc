import type { Finding } from './finding.ts';
import { readReport, runTool } from './run-tool.ts';

interface BiomeReport {
  diagnostics: Array<{
    category: string;
    severity: 'error' | 'warning' | 'info';
    message: string;
    location: { path: string; start?: { line: number } };
  }>;
}

/** `lint/style/noNonNullAssertion` is `noNonNullAssertion`; a plugin's message begins with the plugin's name. */
const ruleOf = (category: string, message: string): string =>
  category === 'plugin' ? message.slice(0, message.indexOf(':')) : category.slice(category.lastIndexOf('/') + 1);

/** What Biome says of format and lint (biome.json). */
export async function lintFindings(): Promise<Finding[]> {
  const result = await runTool('@biomejs/biome/bin/biome', ['check', '--reporter=json', '--max-diagnostics=none', '.']);
  return readReport<BiomeReport>('Biome', result)
    .diagnostics.filter(({ severity }) => severity !== 'info')
    .map(({ category, message, location }) => ({
      rule: ruleOf(category, message),
      place: location.start ? `${location.path}:${location.start.line}` : location.path,
      message,
    }));
}
