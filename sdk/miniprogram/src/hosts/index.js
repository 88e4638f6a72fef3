import { wechat } from './wechat.js'

/** @import { Host } from '../../index.js' */

/**
 * The platform this code runs in, one line each. A browser inside WeChat also has a `wx`, without `login`.
 *
 * @returns {Host | undefined}
 */
export function findHost() {
  if (typeof wx !== 'undefined' && typeof wx.login === 'function') return wechat(wx)
  return undefined
}
