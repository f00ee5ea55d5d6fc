import { Command } from 'commander';
import { configJsonSchema } from '../../config/json-schema.ts';
import { action } from '../command.ts';

export const schemaCommand = (): Command =>
  new Command('schema').description('Prints the JSON Schema of the configuration file, for editors.').action(
    action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    }),
  );
