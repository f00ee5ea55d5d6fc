/** JSON text that `JSON.stringify` writes as it is: for numbers that a double can't hold. */
export interface RawJson {
  readonly rawJSON: string;
}

/** `text` must be JSON of a string, number, boolean or null. */
export const rawJson = (text: string): RawJson => (JSON as unknown as { rawJSON(text: string): RawJson }).rawJSON(text);
