/**
 * One thing that was looked at. `where`: a host's name, or `here` for the operator's own machine.
 * `remedy` is empty where all is well.
 */
export interface Finding {
  readonly where: string;
  readonly level: 'ok' | 'warning' | 'critical';
  readonly text: string;
  readonly remedy: string;
}
