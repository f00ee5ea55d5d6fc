/** An object that does not fit its message. `path` names the place, from the message's root. */
export class SchemaError extends Error {
  readonly code = 'SCHEMA';
  readonly path: string;
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.path = path;
  }
}
