import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { formatProblem, type Problem } from '../../proto/config-file/problem.ts';
import { parseConfig } from '../config/parse-config.ts';
import { ApiProblem } from './api-problem.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration file of this control plane, for the admin API. */
export interface ConfigFile {
  path: string;
  read(): Promise<string>;
  /** What is wrong with a text, as the file itself would be checked. */
  check(text: string): Problem[];
  /** Puts a good text in the file's place, whole or not at all, with the file's own mode. */
  replace(text: string): Promise<void>;
}

export function configFile(path: string, env: Environment): ConfigFile {
  const check = (text: string): Problem[] => {
    const parsed = parseConfig(text, env);
    return parsed.kind === 'ok' ? [] : parsed.problems;
  };
  return {
    path,
    check,
    read: () => readFile(path, 'utf8'),
    async replace(text) {
      const problems = check(text);
      if (problems.length > 0)
        throw new ApiProblem(
          'conflict',
          `that text is not valid any more: ${problems
            .slice(0, 3)
            .map((problem) => formatProblem(problem, 'version'))
            .join('; ')}`,
        );
      try {
        const { mode } = await stat(path);
        await writeFile(`${path}.new`, text, { mode });
        await rename(`${path}.new`, path);
      } catch (error) {
        throw new ApiProblem(
          'conflict',
          `${path} can’t be written (${(error as Error).message}); \`holdfast config show\` prints a version for you to put in place`,
          error,
        );
      }
    },
  };
}
