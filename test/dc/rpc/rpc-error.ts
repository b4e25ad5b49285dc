/**
 * An answer that is an error, as Telegram's API documents it: 400 bad request, 401 not authorized,
 * 406, 420 flood, 500.
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
