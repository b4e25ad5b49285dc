/**
 * Pauses before the next attempt when a host drops new connections before the handshake
 * (MaxStartups), ms; half of each is random.
 */
export const DROP_PAUSES_MS: readonly number[] = [400, 1_200, 3_000];
/**
 * And then, where it said so in words, for as long as connect_timeout allows: a penalty of sshd's
 * takes 15 s and more.
 */
export const LATER_PAUSE_MS = 5_000;
