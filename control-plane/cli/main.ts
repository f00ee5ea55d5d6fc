import { CommanderError } from 'commander';
import { fileOfError, fileProblem } from '../../proto/file-problem.ts';
import { whenReaderGoes } from '../../proto/when-reader-goes.ts';
import { CliError, EXIT } from './exit-code.ts';
import { program } from './program.ts';
import { plainLines } from './table.ts';

// `holdfast events | head` ends the pipe; that is no error.
whenReaderGoes([process.stdout], () => process.exit(EXIT.ok));

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else if (error instanceof CliError) {
    // What it quotes may be of elsewhere.
    process.stderr.write(`holdfast: ${plainLines(error.message)}\n`);
    process.exitCode = error.exitCode;
  } else if (fileOfError(error) !== undefined) {
    process.stderr.write(`holdfast: ${fileOfError(error)} can’t be used: ${fileProblem(error)}\n`);
    process.exitCode = EXIT.usage;
  } else {
    const text = error instanceof Error ? String(error.stack) : String(error);
    process.stderr.write(`holdfast: something unexpected: ${plainLines(text)}\n`);
    process.exitCode = EXIT.internal;
  }
}
