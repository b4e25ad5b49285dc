import type { TlObject } from '../../tl/codec.ts';
import type { HandlerTable, RpcContext } from '../handler.ts';

/** Seconds for which a client may keep the configuration. */
const CONFIG_LIFE_S = 3600;

/** Methods that a client may call before anybody logged in. */
export const helpHandlers: HandlerTable = {
  'help.getConfig': (_request, context) => config(context),
  'help.getNearestDc': (_request, { login }) => ({
    _: 'nearestDc',
    country: 'XX',
    this_dc: login.dcId,
    nearest_dc: login.dcId,
  }),
};

/**
 * Lists only what the data centre was told to list, so that no client ever looks elsewhere. No
 * `tmp_sessions`: no parallel use.
 */
function config({ behaviour, login, nowS }: RpcContext): TlObject {
  return {
    _: 'config',
    date: nowS,
    expires: nowS + CONFIG_LIFE_S,
    test_mode: false,
    this_dc: login.dcId,
    dc_options: Object.entries(behaviour.dcAddresses).flatMap(([id, address]) =>
      behaviour.dcPorts.map((port) => ({
        _: 'dcOption',
        static: true,
        id: Number(id),
        ip_address: address,
        port,
      })),
    ),
    chat_size_max: 200,
    megagroup_size_max: 200_000,
    forwarded_count_max: 100,
    online_update_period_ms: 210_000,
    offline_blur_timeout_ms: 5000,
    offline_idle_timeout_ms: 30_000,
    online_cloud_timeout_ms: 300_000,
    notify_cloud_delay_ms: 30_000,
    notify_default_delay_ms: 1500,
    push_chat_period_ms: 60_000,
    push_chat_limit: 2,
    edit_time_limit: 172_800,
    revoke_time_limit: 2 ** 31 - 1,
    revoke_pm_time_limit: 2 ** 31 - 1,
    rating_e_decay: 2_419_200,
    stickers_recent_limit: 200,
    channels_read_media_period: 604_800,
    call_receive_timeout_ms: 20_000,
    call_ring_timeout_ms: 90_000,
    call_connect_timeout_ms: 30_000,
    call_packet_timeout_ms: 10_000,
    me_url_prefix: 'https://t.me/',
    caption_length_max: 1024,
    message_length_max: 4096,
    webfile_dc_id: login.dcId,
  };
}
