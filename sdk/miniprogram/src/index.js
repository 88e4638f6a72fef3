import { createApi } from './api.js'
import { failure } from './errors.js'
import { findHost } from './hosts/index.js'
import { createPay } from './pay.js'
import { createSessions } from './sessions.js'

/** @import * as Package from '../index.js' */

export { wechat } from './hosts/wechat.js'

// Under the 30 seconds after which many proxies cut a silent connection.
const LONGEST_WAIT_SECONDS = 25

/** @type {typeof Package.createTongbao} */
export function createTongbao(options) {
  const { host = findHost(), appId, locale, timeoutSeconds = 10, waitSeconds = 60 } = options
  if (!options.baseUrl) throw new TypeError('createTongbao needs baseUrl, the address of your Tongbao server')
  if (!host) throw new TypeError('createTongbao found no mini-program platform here; give it a host')

  const baseUrl = options.baseUrl.replace(/\/+$/, '')
  const send = createApi(host, { baseUrl, locale, timeoutSeconds })
  const sessions = createSessions(host, send, { appId, storageKey: `tongbao:${baseUrl}`, timeoutSeconds })

  /** @param {string} orderId */
  const pathOf = (orderId) => `/v1/orders/${encodeURIComponent(orderId)}`

  /** @type {Package.Tongbao['getOrder']} */
  function getOrder(orderId, { waitSeconds: wanted = 0 } = {}) {
    const held = Math.max(0, Math.min(LONGEST_WAIT_SECONDS, Math.ceil(wanted)))
    const path = held ? `${pathOf(orderId)}?wait=${held}` : pathOf(orderId)
    return sessions.sendAsBuyer({ method: 'GET', path, waitSeconds: held })
  }

  /** @param {string} orderId @param {{ channel: string, method: string }} how */
  async function start(orderId, how) {
    const path = `${pathOf(orderId)}/payments`
    const started = await sessions.sendAsBuyer({ method: 'POST', path, body: how })
    if (!started.attempt || !started.client_params) throw failure('unreadable', 'The answer holds no payment')
    return started
  }

  const { pay, lastError } = createPay(host, { start, getOrder }, waitSeconds)
  return {
    login: () => sessions.current().then(({ token, buyerId, expiresAt }) => ({ token, buyerId, expiresAt })),
    logout: sessions.forget,
    pay,
    getOrder,
    lastError,
  }
}
