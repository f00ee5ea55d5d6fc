import { CommanderError } from 'commander';
import { fileOfError, fileProblem } from '../../proto/file-problem.ts';
import { CliError, EXIT } from './exit-code.ts';
import { program } from './program.ts';

// `holdfast events | head` ends the pipe; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else if (error instanceof CliError) {
    process.stderr.write(`holdfast: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else if (fileOfError(error) !== undefined) {
    process.stderr.write(`holdfast: ${fileOfError(error)} can’t be used: ${fileProblem(error)}\n`);
    process.exitCode = EXIT.usage;
  } else {
    process.stderr.write(`holdfast: something unexpected: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = EXIT.internal;
  }
}
