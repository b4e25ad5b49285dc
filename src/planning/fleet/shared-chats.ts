/**
 * For each of `accounts` (the ids of the chats in which it answers) a name of the circle of
 * accounts that it shares chats with, directly or over others: the lowest chat id of the
 * circle. null: it shares no chat with anybody.
 */
export function sharedChatCircles(
  accounts: readonly (readonly string[])[],
): readonly (string | null)[] {
  const above = new Map<string, string>();
  const top = (chat: string): string => {
    let highest = chat;
    for (
      let next = above.get(highest);
      next !== undefined && next !== highest;
      next = above.get(highest)
    )
      highest = next;
    return highest;
  };
  for (const [first, ...others] of accounts) {
    if (first === undefined) continue;
    for (const chat of [first, ...others]) {
      const [low = '', high = ''] = [top(first), top(chat)].sort();
      if (low !== high) above.set(high, low);
    }
  }
  const circles = accounts.map(([first]) => (first === undefined ? null : top(first)));
  const sizes = new Map<string, number>();
  for (const circle of circles)
    if (circle !== null) sizes.set(circle, (sizes.get(circle) ?? 0) + 1);
  return circles.map((circle) => (circle !== null && (sizes.get(circle) ?? 0) > 1 ? circle : null));
}
