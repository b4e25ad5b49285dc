/**
 * How long Telegram may count the connection of a worker that is gone as in use. A worker asks for
 * the delay by `ping_delay_disconnect`
 * (core.telegram.org/mtproto/service_messages): without another such ping Telegram closes the
 * connection after it. Until then the same key must be used nowhere.
 */

/** What the bundled worker asks for, in its first encrypted packet and with every ping after it. */
export const disconnectDelaySeconds = 20;
/** A ping may be on its way when its sender ends, and clocks of two hosts do not run alike. */
const marginMs = 5_000;
/** After the end of the bundled worker, unless Telegram has confirmed the end of its connection. */
export const bundledLingerMs = disconnectDelaySeconds * 1_000 + marginMs;
/**
 * After the end of a custom worker, where the inventory's `worker.linger` does not say what its
 * client asks for.
 */
export const customLingerMs = 300_000;
/** After a run of a release whose marks do not tell: those workers asked for 75 s. */
export const formerLingerMs = 80_000;
/**
 * More is believed of nobody: the most that an inventory may say, and so the most that a worker's
 * own mark can delay a move of its account.
 */
export const longestLingerMs = 3_600_000;
