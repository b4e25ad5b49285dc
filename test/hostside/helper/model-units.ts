import { type UnitFacts, type Units, unknownUnit } from '../../../hostside/helper/units.ts';

/**
 * systemd as the helper sees it: a start makes a unit active at once, a stop inactive, unless a
 * test says otherwise.
 */
export class ModelUnits implements Units {
  readonly calls: string[] = [];
  readonly units = new Map<string, UnitFacts>();
  installed = true;
  stopFails = false;

  show = (keyId: string): UnitFacts =>
    this.units.get(keyId) ?? { ...unknownUnit, isLoaded: this.installed };
  showAll = (): ReadonlyMap<string, UnitFacts> => this.units;

  start = (keyId: string): void => {
    this.calls.push('start');
    this.set(keyId, { activeState: 'active' });
  };

  stop = (keyId: string): void => {
    this.calls.push('stop');
    if (!this.stopFails) this.set(keyId, { activeState: 'inactive' });
  };

  thaw = (): void => {
    this.calls.push('thaw');
  };

  /** As systemd 250 and later do it, once a test says so. */
  canSeal = false;
  seal = (name: string, text: string): string | null =>
    this.canSeal ? `sealed ${name} ${Buffer.from(text).toString('hex')}` : null;

  isOld = false;
  is247 = (): boolean => this.isOld;

  setEnabled = (_keyId: string, isEnabled: boolean): void => {
    this.calls.push(isEnabled ? 'enable' : 'disable');
  };

  reload = (): void => {
    this.calls.push('reload');
  };

  set(keyId: string, fields: Partial<UnitFacts>): void {
    this.units.set(keyId, { ...this.show(keyId), ...fields });
  }
}
