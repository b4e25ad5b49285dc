/**
 * Who runs fleet here, and where that person's files are. Containers, cron and plain user ids have
 * gaps that people's logins do not.
 */
import { homedir, userInfo } from 'node:os';
import { isAbsolute } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that is set but empty counts as not set, as everywhere in POSIX. */
const set = (value: string | undefined): string | undefined =>
  value === undefined || value === '' ? undefined : value;

/**
 * The operator's home: `HOME`, else the passwd entry. Where there is neither (an id without an
 * entry), a folder that does not exist, so
 * that looking for files in it finds none.
 */
export function homeDirectory(environment: Environment = process.env): string {
  const home = set(environment.HOME);
  if (home !== undefined && isAbsolute(home)) return home;
  try {
    const { homedir: entry } = userInfo();
    if (isAbsolute(entry)) return entry;
  } catch {
    // No passwd entry.
  }
  try {
    const guessed = homedir();
    if (isAbsolute(guessed)) return guessed;
  } catch {
    // Neither a variable nor an entry.
  }
  return '/nonexistent';
}

/**
 * The operator's login name: the passwd entry, else `LOGNAME` or `USER`; null where nothing names
 * one.
 */
export function localUser(environment: Environment = process.env): string | null {
  try {
    return userInfo().username;
  } catch {
    return set(environment.LOGNAME) ?? set(environment.USER) ?? null;
  }
}
