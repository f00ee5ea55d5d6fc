import { watch, type FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Environment } from '../../proto/config-file/environment.ts';
import { fileProblem } from '../../proto/file-problem.ts';
import { parseConfig, type ParsedConfig } from './parse-config.ts';
import type { Config } from './config-schema.ts';
import type { Problem } from '../../proto/config-file/problem.ts';

/** Reads and checks the file once. A file that can't be read is a problem like any other, and its text is empty. */
export async function loadConfig(file: string, env: Environment): Promise<ParsedConfig & { text: string }> {
  return parsed(file, await readText(file), env);
}

const readText = (file: string): Promise<string | Error> =>
  readFile(file, 'utf8').catch((error: unknown) => error as Error);

function parsed(file: string, read: string | Error, env: Environment): ParsedConfig & { text: string } {
  if (typeof read === 'string') return { ...parseConfig(read, env), text: read };
  const problem: Problem = {
    path: file,
    line: null,
    column: null,
    expected: 'a file that can be read',
    got: fileProblem(read),
    suggestion: 'Name it with --config.',
  };
  return { kind: 'bad', problems: [problem], text: '' };
}

export interface ConfigWatcher {
  close: () => void;
}

interface WatchOptions {
  file: string;
  env: Environment;
  /** Text that is in force already. */
  text: string;
  onConfig: (config: Config, text: string) => void;
  /** The file is bad now; what was in force stays in force. */
  onProblems: (problems: Problem[]) => void;
  /** `onConfig` or `onProblems` threw. The file is followed anyway. */
  onError: (error: unknown) => void;
  debounceMs?: number;
  pollMs?: number;
}

/**
 * Follows the file. Editors replace files, and Kubernetes swaps a symlink two levels up, so the folder is watched. A
 * slow poll catches what the file system does not tell.
 */
export function watchConfig({
  file,
  env,
  text,
  onConfig,
  onProblems,
  onError,
  debounceMs = 50,
  pollMs = 2000,
}: WatchOptions): ConfigWatcher {
  let last = text;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let reading: Promise<void> = Promise.resolve();

  const look = async () => {
    const read = await readText(file);
    // Compared before it is parsed: with 500 servers that takes a tenth of a second, and is asked every 2 s.
    if (isClosed || (typeof read === 'string' ? read : '') === last) return;
    const loaded = parsed(file, read, env);
    last = loaded.text;
    if (loaded.kind === 'ok') onConfig(loaded.config, loaded.text);
    else onProblems(loaded.problems);
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      reading = reading.then(look).catch(onError);
    }, debounceMs);
  };

  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
      if (name === null || name === basename(file) || name.startsWith('..')) soon();
    });
    watcher.on('error', () => watcher?.close());
  } catch {
    /* The poll goes on alone where the platform can't watch. */
  }
  const poll = setInterval(soon, pollMs);
  poll.unref();
  return {
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      clearInterval(poll);
      watcher?.close();
    },
  };
}
