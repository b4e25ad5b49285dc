/** Where all scores have to end, and how the run estimates what that takes. */
export interface Window {
  readonly low: number;
  readonly high: number;
  /**
   * 0-1: a cold host counts on arrivals as heavy as this quantile of the accounts that could come.
   * Near 1 is best on most fleets.
   */
  readonly quantile: number;
  /** The run gives up beyond that many moves. */
  readonly maxMoves: number;
}
