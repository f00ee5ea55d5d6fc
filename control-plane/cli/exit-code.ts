/** What `holdfast` ends with; listed by `holdfast --help` and in the README. Numbers from sysexits.h where there are any. */
export const EXIT = {
  ok: 0,
  /** The command worked, and its objective was not met: rolled back, drained with sessions left, something is bad. */
  unmet: 1,
  /** The command line or the configuration is wrong. */
  usage: 64,
  /** The control plane refused: there is nothing like that, or not now. */
  refused: 65,
  /** The control plane, the store behind it, or the API server of Kubernetes can't be reached. */
  unavailable: 69,
  /** Something unexpected. */
  internal: 70,
  /** The control plane wants a token, or another one; the API server of Kubernetes does, or refuses for want of rights. */
  noPermission: 77,
} as const;

export const EXIT_HELP = `
Exit codes:
  0   done
  1   done, but the objective was not met (rolled back, sessions left, something is bad)
  64  the command line or the configuration is wrong
  65  refused: there is nothing like that, or not now
  69  the control plane, the store behind it, or the API server of Kubernetes can't be reached
  70  something unexpected happened
  77  the control plane wants a token, or another one; the API server of Kubernetes refuses
`;

/** Ends the command with a message on standard error. Thrown by commands, caught by main.ts. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

export const usageError = (message: string): CliError => new CliError(EXIT.usage, message);
