import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where fleet keeps what it can make again: `$XDG_CACHE_HOME/fleet`, otherwise `~/.cache/fleet`. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache'), 'fleet');
}
