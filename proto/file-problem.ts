const SENTENCES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user has no right to it',
  EPERM: 'this user has no right to it',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is a file, and not a folder',
  EEXIST: 'it is a file, and not a folder',
  EROFS: 'its file system is read-only',
  ENOSPC: 'no space is left on its file system',
};

/** Why a file could not be read or written, as a person says it. Node's own message where its code is another one. */
export const fileProblem = (error: unknown): string =>
  SENTENCES[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));

/** The file of an error that `fileProblem` has a sentence for; undefined for all other errors. */
export function fileOfError(error: unknown): string | undefined {
  const { path } = (error ?? {}) as { path?: unknown };
  return typeof path === 'string' && codeOf(error) in SENTENCES ? path : undefined;
}

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null | undefined)?.code);
