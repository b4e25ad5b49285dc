import { visibleLine } from '../model/visible.ts';
import type { LogEntry } from './http/app.ts';

/** A line of the server's log: for people, or as JSON. Pure. */
export function logLineOf(entry: LogEntry, at: Date, isJson: boolean): string {
  if (isJson) return JSON.stringify({ at: at.toISOString(), ...entry });
  const time = at.toISOString();
  if (entry.kind === 'note') return `${time} ${visibleLine(entry.text)}`;
  const { method, path, status, ms, token, from } = entry;
  return visibleLine(
    `${time} ${method} ${path} ${status} ${ms} ms ${token ?? 'no token'} from ${from}`,
  );
}
