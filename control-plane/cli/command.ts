import type { Command } from 'commander';
import { Client } from './client.ts';
import { output, type Output } from './output.ts';
import { clientSettings, type GlobalOptions } from './settings.ts';

/** What a command works with. */
export interface Tools {
  client: Client;
  out: Output;
  options: GlobalOptions;
  env: Readonly<Record<string, string | undefined>>;
}

/** The tools for a command that was called, from the options of the whole program. */
function toolsOf(command: Command): Tools {
  const options = command.optsWithGlobals<GlobalOptions>();
  const { env } = process;
  let client: Client | undefined;
  // Only commands that talk to the control plane need to know where it is.
  return {
    options,
    env,
    out: output(options.json === true),
    get client() {
      client ??= new Client(clientSettings(options, env));
      return client;
    },
  };
}

/** The last argument that commander gives to an action is the command itself. */
export const action =
  <Arguments extends unknown[]>(run: (tools: Tools, ...rest: Arguments) => Promise<void> | void) =>
  (...all: unknown[]): Promise<void> | void =>
    run(toolsOf(all.at(-1) as Command), ...(all as Arguments));
