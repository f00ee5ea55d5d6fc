import * as z from 'zod';
import { formatProblem } from '../../../proto/config-file/problem.ts';
import { restoreCredentials } from '../../config-versions/config-version.ts';
import { redactConfig } from '../../config-versions/redact-config.ts';
import { lineDiff } from '../../config-versions/line-diff.ts';
import { ApiProblem } from '../api-problem.ts';
import type { ConfigFile } from '../config-file.ts';
import type { AdminContext } from '../context.ts';
import { act, noQuery, numberText, read, type Route } from '../route.ts';

function fileOf({ file }: AdminContext): ConfigFile {
  if (!file) throw new ApiProblem('unavailable', 'this control plane was started without a configuration file');
  return file;
}

/** A version's text; `current` is the file as it is now. */
async function textOf(context: AdminContext, version: number | 'current'): Promise<string> {
  if (version === 'current') return redactConfig(await fileOf(context).read());
  const found = await context.versions.get(version);
  if (found) return found.text;
  const numbers = (await context.versions.list()).map((each) => each.version);
  throw new ApiProblem(
    'not-found',
    `there is no version ${version}; there are ${numbers.length === 0 ? 'none' : `${numbers[0]}–${numbers.at(-1)}`}`,
  );
}

const versionText = z.union([z.literal('current'), numberText(1, 1e9)]);

export const configRoutes: Route[] = [
  read(
    '/v1/config',
    'The file as it is now (passwords of URLs taken out), and what is wrong with it.',
    noQuery,
    async ({ context }) => {
      const file = fileOf(context),
        text = await file.read();
      return {
        file: file.path,
        text: redactConfig(text),
        problems: file.check(text).map((problem) => formatProblem(problem, file.path)),
      };
    },
  ),
  read(
    '/v1/config/versions',
    'Every configuration that was accepted, oldest first, without its text.',
    noQuery,
    async ({ context }) => (await context.versions.list()).map(({ text: _, ...rest }) => rest),
  ),
  read('/v1/config/versions/{version}', 'One version with its text.', noQuery, async ({ context, param }) => {
    const version = versionText.safeParse(param('version'));
    if (!version.success) throw new ApiProblem('bad-request', `${param('version')} is not the number of a version`);
    return { version: version.data, text: await textOf(context, version.data) };
  }),
  read(
    '/v1/config/diff',
    'What changed from one version to another.',
    z.strictObject({ from: versionText, to: versionText.default('current') }),
    async ({ context, query }) => {
      const lines = lineDiff(await textOf(context, query.from), await textOf(context, query.to));
      return { from: query.from, to: query.to, lines };
    },
  ),
  act(
    '/v1/config/rollback',
    'Puts a former version in the place of the file; it is then read like any change of it.',
    z.strictObject({ version: z.int().min(1) }),
    async ({ context, body, by }) => {
      const file = fileOf(context),
        present = await file.read();
      const restored = restoreCredentials(await textOf(context, body.version), present);
      if ('problem' in restored) throw new ApiProblem('conflict', restored.problem);
      if (restored.text === present)
        throw new ApiProblem('conflict', `version ${body.version} is what the file holds already`);
      await file.replace(restored.text);
      context.events.append({
        kind: 'config.rolled-back',
        level: 'warning',
        subject: String(body.version),
        message: `configuration: version ${body.version} was put in place again`,
        by,
      });
      return { version: body.version, file: file.path };
    },
  ),
];
