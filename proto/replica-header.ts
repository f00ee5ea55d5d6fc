import * as z from 'zod';
import { fileProblem } from './file-problem.ts';
import { readSmallFile } from './read-small-file.ts';

/** Headers that mean something to somebody on the way. */
const MESH_HEADER =
  /^(x-holdfast-|x-envoy-|x-forwarded-|mcp-|content-|transfer-|connection$|host$|authorization$|cookie$|origin$|accept|upgrade$|te$|trailer$|expect$|keep-alive$|last-event-id$)/;

/** Name of a header that the operator may have replicas given. */
export const replicaHeaderSchema = z
  .string()
  .regex(/^[a-z0-9-]+$/, 'a header name in lower case')
  .refine((name) => !MESH_HEADER.test(name), 'a header that neither HTTP, MCP nor the mesh uses');

/** Longest value that is taken from a file, in bytes. */
export const MAX_HEADER_FILE_BYTES = 4096;

/** With room for white space at the end. */
const READ_BYTES = MAX_HEADER_FILE_BYTES + 64;

/** Headers for replicas: name → file with the value. */
export const headerFilesSchema = z
  .record(replicaHeaderSchema, z.string().max(1024).startsWith('/'))
  .refine((files) => Object.keys(files).length <= 8, 'at most 8 headers')
  .default({});

/** What a file must hold, for whoever has to mend it. */
export const HEADER_FILE_FORM = `write one line of 1 to ${MAX_HEADER_FILE_BYTES} ASCII characters into it, readable for this process`;

/** The value in a file of `headerFiles`, without white space at its end. Throws without the value: which file, for which header, why, and what to do. */
export function headerFromFile(name: string, file: string): string {
  const bad = (why: string): Error => new Error(`${file} can’t be the header ${name}: ${why}; ${HEADER_FILE_FORM}`);
  let value: string;
  try {
    value = readSmallFile(file, READ_BYTES).trimEnd();
  } catch (error) {
    throw bad(fileProblem(error));
  }
  if (value === '') throw bad('it is empty');
  if (value.length > MAX_HEADER_FILE_BYTES) throw bad('it is too long');
  if (!/^[\x20-\x7e]+$/.test(value)) throw bad('it holds a line break, or a letter that is not ASCII');
  return value;
}
