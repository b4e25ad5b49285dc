/**
 * Telegram's errors by what they mean: all that its documentation lists for the methods that the
 * worker calls, in every use of these methods (a test compares
 * the list with the public data). The number of an error says little: a 406 is most often about one
 * chat.
 */

/**
 * What an error is about, and so what it may end. Whatever is not listed is about the message, for
 * 403 about the chat; it ends no account.
 */
export type ErrorMeaning =
  /** The key was seen on two connections: Telegram has destroyed it. */
  | 'duplicated'
  /** The key or the login is gone for good. */
  | 'needs-login'
  /** As `needs-login`, but servers in trouble say it too: believed when it is said again. */
  | 'key-unknown'
  /** The account itself is gone. */
  | 'banned'
  /** What this client says of itself is refused: api id, version, device, language. */
  | 'misconfigured'
  /** The account may look and not act until its owner has appealed. */
  | 'frozen'
  /** The account is limited for some time, without a number. */
  | 'limited'
  /** The account may not write in this chat, or is not in it. */
  | 'chat'
  /** This message, or what it answers, is refused. */
  | 'message'
  /** Trouble at Telegram: the same request may be taken a moment later. */
  | 'passing';

const rows: readonly (readonly [ErrorMeaning, readonly string[]])[] = [
  ['duplicated', ['AUTH_KEY_DUPLICATED']],
  ['key-unknown', ['AUTH_KEY_UNREGISTERED']],
  [
    'needs-login',
    [
      'AUTH_KEY_INVALID',
      'AUTH_KEY_PERM_EMPTY',
      'SESSION_REVOKED',
      'SESSION_EXPIRED',
      'SESSION_PASSWORD_NEEDED',
      'ACTIVE_USER_REQUIRED',
      'USER_MIGRATE_X',
    ],
  ],
  [
    'banned',
    ['USER_DEACTIVATED', 'USER_DEACTIVATED_BAN', 'INPUT_USER_DEACTIVATED', 'PHONE_NUMBER_BANNED'],
  ],
  [
    'misconfigured',
    [
      'API_ID_INVALID',
      'API_ID_PUBLISHED_FLOOD',
      'UPDATE_APP_TO_LOGIN',
      'CONNECTION_API_ID_INVALID',
      'CONNECTION_APP_VERSION_EMPTY',
      'CONNECTION_DEVICE_MODEL_EMPTY',
      'CONNECTION_LANG_PACK_INVALID',
      'CONNECTION_LAYER_INVALID',
      'CONNECTION_SYSTEM_EMPTY',
      'CONNECTION_SYSTEM_LANG_CODE_EMPTY',
      'LANG_CODE_INVALID',
      'LANG_CODE_NOT_SUPPORTED',
      'LANG_PACK_INVALID',
      'SYSTEM_LANG_CODE_INVALID',
      'SYSTEM_LANG_CODE_NOT_SUPPORTED',
    ],
  ],
  ['frozen', ['FROZEN_METHOD_INVALID', 'FROZEN_PARTICIPANT_MISSING']],
  ['limited', ['PEER_FLOOD', 'USER_RESTRICTED']],
  [
    'chat',
    [
      'CHAT_ID_INVALID',
      'CHAT_INVALID',
      'CHAT_FORBIDDEN',
      'CHAT_RESTRICTED',
      'CHAT_ADMIN_REQUIRED',
      'CHAT_WRITE_FORBIDDEN',
      'CHAT_GUEST_SEND_FORBIDDEN',
      'CHAT_SEND_PLAIN_FORBIDDEN',
      'CHANNEL_INVALID',
      'CHANNEL_PRIVATE',
      'CHANNEL_PUBLIC_GROUP_NA',
      'CHANNEL_FORUM_MISSING',
      'CHANNEL_MONOFORUM_UNSUPPORTED',
      'PEER_ID_INVALID',
      'PEER_ID_NOT_SUPPORTED',
      'USER_BANNED_IN_CHANNEL',
      'USER_NOT_PARTICIPANT',
      'USER_KICKED',
      'USER_IS_BLOCKED',
      'YOU_BLOCKED_USER',
      'TOPIC_CLOSED',
      'TOPIC_DELETED',
      'TOPIC_ID_INVALID',
      'PRIVACY_PREMIUM_REQUIRED',
      'ALLOW_PAYMENT_REQUIRED_X',
      'PREMIUM_ACCOUNT_REQUIRED',
      'SEND_AS_PEER_INVALID',
      'SUBSCRIPTION_EXPIRED',
      'INVITE_REQUEST_SENT',
      'GROUP_CALL_INVALID',
      'USERS_TOO_MUCH',
      'CHAT_SEND_MEDIA_FORBIDDEN',
      'CHAT_FORWARDS_RESTRICTED',
      'ALLOW_PAYMENT_REQUIRED',
      'BALANCE_TOO_LOW',
      'PAYMENT_UNSUPPORTED',
      'ENCRYPTION_DECLINED',
      'GROUPCALL_FORBIDDEN',
      'PEER_TYPES_INVALID',
      'USER_IS_BOT',
      'USER_PRIVACY_RESTRICTED',
    ],
  ],
  [
    'message',
    [
      'MESSAGE_EMPTY',
      'MESSAGE_TOO_LONG',
      'MESSAGE_ID_INVALID',
      'MSG_ID_INVALID',
      'REPLY_MESSAGE_ID_INVALID',
      'REPLY_TO_INVALID',
      'RANDOM_ID_EMPTY',
      'SCHEDULE_DATE_TOO_LATE',
      'ENTITY_BOUNDS_INVALID',
      'ENTITIES_TOO_LONG',
      'REPLY_MARKUP_INVALID',
      'STARGIFT_INVALID',
      'QUOTE_TEXT_INVALID',
      'SLOWMODE_MULTI_MSGS_DISABLED',
      'ADMIN_RIGHTS_EMPTY',
      'AUTH_BYTES_INVALID',
      'BOT_DOMAIN_INVALID',
      'BOT_INVALID',
      'BUSINESS_CONNECTION_INVALID',
      'BUSINESS_PEER_INVALID',
      'BUSINESS_PEER_USAGE_MISSING',
      'BUTTON_COPY_TEXT_INVALID',
      'BUTTON_DATA_INVALID',
      'BUTTON_ID_INVALID',
      'BUTTON_TYPE_INVALID',
      'BUTTON_URL_INVALID',
      'BUTTON_USER_INVALID',
      'BUTTON_USER_PRIVACY_RESTRICTED',
      'CHAT_NOT_MODIFIED',
      'DATA_INVALID',
      'DOCUMENT_INVALID',
      'EFFECT_CHAT_INVALID',
      'ENTITY_MENTION_USER_INVALID',
      'FOLDER_ID_INVALID',
      'FROM_MESSAGE_BOT_DISABLED',
      'INVITE_HASH_EXPIRED',
      'OFFSET_PEER_ID_INVALID',
      'PINNED_DIALOGS_TOO_MUCH',
      'POLL_OPTION_INVALID',
      'QUICK_REPLIES_BOT_NOT_ALLOWED',
      'QUICK_REPLIES_TOO_MUCH',
      'REPLY_MARKUP_TOO_LONG',
      'REPLY_MESSAGES_TOO_MUCH',
      'REPLY_TO_MONOFORUM_PEER_INVALID',
      'REPLY_TO_USER_INVALID',
      'SCHEDULE_BOT_NOT_ALLOWED',
      'SCHEDULE_STATUS_PRIVATE',
      'SCHEDULE_TOO_MUCH',
      'STORIES_NEVER_CREATED',
      'STORY_ID_INVALID',
      'SUGGESTED_POST_AMOUNT_INVALID',
      'SUGGESTED_POST_PEER_INVALID',
      'TAKEOUT_INVALID',
      'USERNAME_INVALID',
      'WC_CONVERT_URL_INVALID',
    ],
  ],
  [
    'passing',
    [
      'CONNECTION_NOT_INITED',
      'CDN_METHOD_INVALID',
      'MSG_WAIT_FAILED',
      'NEED_DOC_INVALID',
      'VOLUME_MOVE_INVALID',
      'RANDOM_ID_DUPLICATE',
    ],
  ],
];

/** Every error of the table, by its name. */
export const listedErrors: ReadonlyMap<string, ErrorMeaning> = new Map(
  rows.flatMap(([meaning, names]) => names.map((name) => [name, meaning] as const)),
);

/**
 * Names with a number of their own (`USER_MIGRATE_5`, `ALLOW_PAYMENT_REQUIRED_100`) are listed with
 * an X.
 */
const listed = (name: string): ErrorMeaning | undefined =>
  listedErrors.get(name) ?? listedErrors.get(name.replace(/_\d{1,9}$/, '_X'));

/** Groups of names whose members Telegram adds to. */
const families: readonly (readonly [RegExp, ErrorMeaning])[] = [
  [/^FROZEN_/, 'frozen'],
  [/^CHAT_(?:\w+_)?FORBIDDEN$/, 'chat'],
  [
    /^(?:CHAT|CHANNEL|PEER|TOPIC|USER)_(?:ID_)?(?:INVALID|PRIVATE|FORBIDDEN|RESTRICTED|CLOSED|DELETED)$/,
    'chat',
  ],
];

/** What an RPC error means; null: it is not known. */
export const meaningOf = (name: string): ErrorMeaning | null =>
  listed(name) ?? families.find(([pattern]) => pattern.test(name))?.[1] ?? null;
