import type { ModelSettings } from '../../protocol/behaviour.ts';

/**
 * What was spent on one day (UTC). Part of the account's state, so that a restart or a move does
 * not make a second day of it.
 */
export interface DayBudget {
  /** `YYYY-MM-DD`. */
  readonly day: string;
  readonly tokens: number;
  /** In the currency of the prices. */
  readonly money: number;
}

export interface TokenUse {
  readonly read: number;
  readonly written: number;
}

type Prices = Pick<ModelSettings, 'priceIn' | 'priceOut'>;
type Limits = Pick<ModelSettings, 'budgetTokens' | 'budgetMoney'>;

/** The day's budget at this moment: another day begins with nothing spent. */
export const budgetOf = (known: DayBudget, nowMs: number): DayBudget => {
  const day = new Date(nowMs).toISOString().slice(0, 10);
  return known.day === day ? known : { day, tokens: 0, money: 0 };
};

export const costOf = ({ read, written }: TokenUse, { priceIn, priceOut }: Prices): number =>
  (read * priceIn + written * priceOut) / 1e6;

/** Whether a call that uses so much at most still fits. */
export const fitsBudget = (budget: DayBudget, use: TokenUse, settings: Limits & Prices): boolean =>
  (settings.budgetTokens === null ||
    budget.tokens + use.read + use.written <= settings.budgetTokens) &&
  (settings.budgetMoney === null || budget.money + costOf(use, settings) <= settings.budgetMoney);

/** Adds (or, negative, gives back). */
export const spend = (budget: DayBudget, use: TokenUse, settings: Prices): DayBudget => ({
  day: budget.day,
  tokens: Math.max(0, budget.tokens + use.read + use.written),
  money: Math.max(0, budget.money + costOf(use, settings)),
});
