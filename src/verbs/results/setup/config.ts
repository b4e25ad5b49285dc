import type { ShownConfig } from '../../../workflows/config/show.ts';

/** Settings of each subject for programs. */
export const configData = (
  path: string,
  shown: readonly ShownConfig[],
): Readonly<Record<string, unknown>> => ({
  inventory: path,
  subjects: shown.map(({ kind, name, settings }) => ({ kind, name, settings })),
});
