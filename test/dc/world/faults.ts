/**
 * What is to go wrong, and for whom. `method`: name as in the schema (`users.getUsers`, `ping`,
 * `ping_delay_disconnect`) or `*`
 * for all of them, pings included; `userId`: only this account; `times`: how often, then the fault
 * is gone (default 1, null: until
 * cleared). The oldest fitting fault acts alone.
 */
export interface Fault {
  readonly method: string;
  readonly userId?: string;
  readonly times?: number | null;
  readonly effect: FaultEffect;
}

/**
 * `error`: an RPC error in place of the answer, e.g. 420 `FLOOD_WAIT_17`, 500 `INTERNAL`. `delay`:
 * the answer comes `ms` later.
 * `silence`: not carried out, no answer.
 * `lose-answer`: carried out, no answer. `close`: the connection ends without an answer.
 * `transport`: a transport error code (-429, -404, -444) in
 * place of the answer, then the end. `bad-salt`, `bad-message`: the request is refused for its
 * salt, or with this code of `bad_msg_notification`, whatever it is sent with.
 * `unreadable`: carried out, and answered with something that no client knows. Pings cannot be
 * answered with `error`: it silences them.
 */
export type FaultEffect =
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'silence' }
  | { readonly kind: 'lose-answer' }
  | { readonly kind: 'close' }
  | { readonly kind: 'transport'; readonly code: number }
  | { readonly kind: 'bad-salt' }
  | { readonly kind: 'bad-message'; readonly code: number }
  | { readonly kind: 'unreadable' };

interface ArmedFault {
  readonly fault: Fault;
  left: number;
}

/** The faults still to come, oldest first. */
export class FaultList {
  #armed: ArmedFault[] = [];

  add(fault: Fault): void {
    this.#armed.push({
      fault,
      left: fault.times === null ? Number.POSITIVE_INFINITY : (fault.times ?? 1),
    });
  }

  clear(): void {
    this.#armed = [];
  }

  /** The effect on this call, counted as used; null where nothing was arranged. */
  take(method: string, userId: string): FaultEffect | null {
    const found = this.#armed.find(({ fault }) => matches(fault, method, userId));
    if (found === undefined) return null;
    found.left -= 1;
    this.#armed = this.#armed.filter((armed) => armed.left > 0);
    return found.fault.effect;
  }
}

function matches(fault: Fault, method: string, userId: string): boolean {
  return (
    (fault.method === '*' || fault.method === method) &&
    (fault.userId === undefined || fault.userId === userId)
  );
}
