import { LOG_ABSENT, LOG_LINES, LOG_WORDS } from '../../proto/access-log.ts';
import type { AnswerRead } from '../../proto/wire.ts';

/** One request as Envoy logged it. */
export interface AccessLogEntry {
  startedAtMs: number;
  /** Written by `accessLogFormat`. */
  text: string;
}

/** What Envoy's filters noted of an answer. */
export interface AnswerNotes {
  read: AnswerRead | null;
  isJsonFailed: boolean;
  errorCode: number | null;
  isToolError: boolean;
}

type Word = keyof typeof LOG_WORDS;
type Line = keyof typeof LOG_LINES;

/** A value by its name; null when it is not there. */
export interface EntryValues {
  word(name: Word): string | null;
  line(name: Line): string | null;
}

const WORD_AT = Object.fromEntries(Object.keys(LOG_WORDS).map((name, index) => [name, index])) as Record<Word, number>;
const LINE_AT = Object.fromEntries(Object.keys(LOG_LINES).map((name, index) => [name, index + 1])) as Record<Line, number>;
const WORDS = Object.keys(LOG_WORDS).length, LINES = Object.keys(LOG_LINES).length + 1;

const there = (value: string | undefined): string | null => value === undefined || value === '' || value === LOG_ABSENT ? null : value;

/** Reads an entry by the names of `proto/access-log.ts`; null when it was not written by that format. */
export function entryValues({ text }: AccessLogEntry): EntryValues | null {
  const lines = text.split('\n');
  if (lines.length < LINES) return null;
  const words = lines[0]!.split(' ');
  if (words.length !== WORDS) return null;
  return { word: (name) => there(words[WORD_AT[name]]), line: (name) => there(lines[LINE_AT[name]]) };
}
