import { FleetError } from '../model/errors.ts';

/**
 * A moment as people write it after `option`: ISO 8601, or how long ago. ms since the epoch. Error
 * `usage`.
 */
export async function timeOf(option: string, text: string, nowMs: number): Promise<number> {
  const { parseDuration } = await import('../inventory/schema/units.ts');
  const agoMs = parseDuration(text);
  const atMs = agoMs === null ? Date.parse(text) : nowMs - agoMs;
  if (Number.isFinite(atMs)) return atMs;
  throw new FleetError(
    'usage',
    `${option} must be a time (got ${JSON.stringify(text.slice(0, 100))})`,
    {
      hint: `for example ${option} 2026-11-23T10:00Z, or ${option} 2h for two hours ago`,
    },
  );
}
