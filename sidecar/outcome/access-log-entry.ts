import { accessLogFormats, LOG_ABSENT, LOG_TEXTS, LOG_WORDS } from '../../proto/access-log.ts';
import type { AnswerRead } from '../../proto/wire.ts';

/** One request as Envoy logged it. */
export interface AccessLogEntry {
  startedAtMs: number;
  /** As many as `accessLogFormats` has. */
  texts: readonly string[];
}

/** What Envoy's filters noted of an answer. */
export interface AnswerNotes {
  read: AnswerRead | null;
  isJsonFailed: boolean;
  errorCode: number | null;
  isToolError: boolean;
}

type Word = keyof typeof LOG_WORDS;
type Text = keyof typeof LOG_TEXTS;

/** A value by its name; null when it is not there. */
export interface EntryValues {
  word(name: Word): string | null;
  text(name: Text): string | null;
}

const WORD_AT = Object.fromEntries(Object.keys(LOG_WORDS).map((name, index) => [name, index])) as Record<Word, number>;
const TEXT_AT = Object.fromEntries(Object.keys(LOG_TEXTS).map((name, index) => [name, index + 1])) as Record<Text, number>;
const WORDS = Object.keys(LOG_WORDS).length;

const there = (value: string | undefined): string | null => value === undefined || value === '' || value === LOG_ABSENT ? null : value;

/** Reads an entry by the names of `proto/access-log.ts`; null when it was not written by that format. */
export function entryValues({ texts }: AccessLogEntry): EntryValues | null {
  if (texts.length !== accessLogFormats.length) return null;
  const words = texts[0]!.split(' ');
  if (words.length < WORDS) return null;
  return { word: (name) => there(words[WORD_AT[name]]), text: (name) => there(texts[TEXT_AT[name]]) };
}
