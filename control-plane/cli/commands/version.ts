import { Command } from 'commander';
import { VERSION } from '../../../proto/version.ts';
import { action } from '../command.ts';

export const versionCommand = (): Command =>
  new Command('version').description('Prints the version of Holdfast and of Node, for bug reports.').action(
    action(({ out }) => {
      const facts = { version: VERSION, node: process.versions.node, platform: `${process.platform}-${process.arch}` };
      out.show(facts, () => `holdfast ${facts.version}, Node ${facts.node}, ${facts.platform}`);
    }),
  );
