import { installPackage } from '../packages/install-package.ts';
import { PACKAGES, type Folders, type PackageName } from './packages.ts';
import { type Row, type Scene, trialInto } from './scene.ts';

/** The packages of a scene, installed; a text says what this machine lacks for it. */
async function foldersOf(scene: Scene): Promise<Folders | string> {
  const lacks = scene.lacks?.() ?? null;
  if (lacks !== null) return lacks;
  const folders: Partial<Record<PackageName, string>> = {};
  for (const name of scene.packages) {
    const installed = await installPackage(PACKAGES[name]);
    if ('missing' in installed) return installed.missing;
    folders[name] = installed.folder;
  }
  return folders as Folders;
}

/** All lines of a scene's table. A scene that can't be played is one line that says why; one that breaks off is one that is not met. */
export async function playScene(scene: Scene, onRow: (row: Row) => void = () => {}): Promise<Row[]> {
  const rows: Row[] = [];
  const whole = { id: scene.section, client: '–', server: scene.name, expected: 'played' };
  const folders = await foldersOf(scene);
  if (typeof folders === 'string') return [{ ...whole, seen: `skipped, this is missing: ${folders}`, met: null }];
  try {
    await scene.play(trialInto(rows, onRow), folders);
  } catch (error) {
    rows.push({ ...whole, seen: `broke off: ${error instanceof Error ? error.message : error}`, met: false });
  }
  return rows;
}
