import { isAbsolute, join } from 'node:path';
import { homeDirectory } from '../surroundings/operator.ts';

/**
 * Where fleet keeps what it can make again: `$XDG_CACHE_HOME/fleet`, otherwise `~/.cache/fleet`.
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME;
  return join(
    base !== undefined && isAbsolute(base) ? base : join(homeDirectory(), '.cache'),
    'fleet',
  );
}
