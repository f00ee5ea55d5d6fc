import { findProgram } from '../find-program.ts';

/** Chromium of `CHROMIUM_BIN`, else on PATH; null where there is none. */
export const findChromium = (env: NodeJS.ProcessEnv = process.env): string | null =>
  findProgram('CHROMIUM_BIN', ['chromium', 'chromium-browser', 'google-chrome'], env);
