import { isoTime } from '../../../proto/iso-time.ts';
import { Command } from 'commander';
import { action } from '../command.ts';
import { usageError } from '../exit-code.ts';
import { table } from '../table.ts';

interface Version {
  version: number;
  acceptedAtMs: number;
  node: string;
  digest: string;
}

function versionOf(text: string): string {
  if (text !== 'current' && !/^[1-9]\d*$/.test(text))
    throw usageError(
      `${JSON.stringify(text)} is not the number of a version (see \`holdfast config history\`), nor \`current\``,
    );
  return text;
}

export function configCommand(): Command {
  const config = new Command('config').description('Configurations that were accepted: every one is kept.');
  config
    .command('history')
    .description('The versions, newest last.')
    .action(
      action(async ({ client, out }) => {
        const versions = await client.get<Version[]>('/v1/config/versions');
        out.show(versions, () =>
          versions.length === 0
            ? 'no version was kept yet'
            : table(
                ['version', 'accepted', 'by', 'digest'],
                versions.map((each) => [each.version, isoTime(each.acceptedAtMs), each.node, each.digest]),
              ),
        );
      }),
    );
  config
    .command('show')
    .description('A version’s text; passwords in URLs are taken out.')
    .argument('[version]', 'its number, or `current` for the file', 'current')
    .action(
      action(async ({ client, out }, version: string) => {
        const found = await client.get<{ text: string }>(`/v1/config/versions/${versionOf(version)}`);
        out.document(found, () => found.text.replace(/\n$/, ''));
      }),
    );
  config
    .command('diff')
    .description('What changed from one version to another.')
    .argument('<from>')
    .argument('[to]', 'its number, or `current` for the file', 'current')
    .action(
      action(async ({ client, out }, from: string, to: string) => {
        const diff = await client.get<{ lines: string[] }>('/v1/config/diff', {
          from: versionOf(from),
          to: versionOf(to),
        });
        out.show(diff, () => (diff.lines.length === 0 ? 'no difference' : diff.lines.join('\n')));
      }),
    );
  config
    .command('rollback')
    .description('Puts a former version in the place of the file.')
    .argument('<version>')
    .action(
      action(async ({ client, out }, version: string) => {
        if (versionOf(version) === 'current') throw usageError('`current` is in place already: name a number');
        const answer = await client.post<{ file: string }>('/v1/config/rollback', { version: Number(version) });
        out.show(answer, () => `version ${version} is in ${answer.file} again, and is read like any change of it`);
      }),
    );
  return config;
}
