/** Questions about anything but the password: one-time codes, user names. */
const OTHER_QUESTION =
  /one.?time|verification|\bcode\b|passcode|token|\botp\b|\bpin\b|user ?name|login:/i;

/** Whether a host's keyboard-interactive question is not for the password. Pure. */
export const asksOtherThanPassword = (question: string): boolean => OTHER_QUESTION.test(question);
