import { createApi, within } from './api.js'
import { failure } from './errors.js'
import * as hosts from './hosts/index.js'
import { createPay } from './pay.js'
import { CONSENT_SECONDS, createSessions } from './sessions.js'
import { copiedWords } from './sheets.js'

/** @import * as Package from '../index.js' */

export * from './hosts/index.js'

// Under the 30 seconds after which many proxies cut a silent connection.
const LONGEST_WAIT_SECONDS = 25

/** @type {typeof Package.createTongbao} */
export function createTongbao(options) {
  const { appId, token, locale, timeoutSeconds = 10, waitSeconds = 60, webViewPage } = options
  if (!options.baseUrl) throw new TypeError('createTongbao needs baseUrl, the address of your Tongbao server')
  const host = options.host || hereOrThrow()
  const baseUrl = options.baseUrl.replace(/\/+$/, '')
  const send = createApi(host, { baseUrl, locale, timeoutSeconds })
  const sessions = createSessions(host, send, { appId, token, storageKey: `tongbao:${baseUrl}`, timeoutSeconds })

  /** @param {string} orderId */
  const pathOf = (orderId) => `/v1/orders/${encodeURIComponent(orderId)}`

  /** @type {Package.Tongbao['login']} */
  async function login({ profile } = {}) {
    if (profile) return sessions.introduce()
    const { token, buyerId, expiresAt } = await sessions.current()
    return { token, buyerId, expiresAt }
  }

  /** @type {Package.Tongbao['getPhoneNumber']} */
  async function getPhoneNumber(consent) {
    const shown = consent || (host.phoneConsent && (await within(CONSENT_SECONDS, host.phoneConsent(), 'phone_refused')))
    if (!shown) throw failure('phone_refused', 'The buyer gave no consent: pass on what the button\'s event brought')
    const path = '/v1/sessions/current/phone'
    const { masked } = await sessions.sendAsBuyer({ method: 'POST', path, body: { consent: shown } })
    return { masked }
  }

  /** @type {Package.Tongbao['getOrder']} */
  function getOrder(orderId, { waitSeconds: wanted = 0 } = {}) {
    const held = Math.max(0, Math.min(LONGEST_WAIT_SECONDS, Math.ceil(wanted)))
    const path = held ? `${pathOf(orderId)}?wait=${held}` : pathOf(orderId)
    return sessions.sendAsBuyer({ method: 'GET', path, waitSeconds: held })
  }

  /** @param {string} orderId @param {string} channel @param {Package.PayOptions} wish */
  async function start(orderId, channel, wish) {
    const body = withoutGaps({
      channel,
      method: wish.method || host.methods[channel],
      // A session tells the server where the buyer is; where there is no log-in, we do.
      host: host.login ? undefined : host.name,
      return_url: wish.returnUrl,
      instalments: wish.instalments && { number: wish.instalments.number, fee_by: wish.instalments.feeBy },
      only: wish.only,
      without: wish.without,
    })
    const started = await sessions.sendAsBuyer({ method: 'POST', path: `${pathOf(orderId)}/payments`, body })
    if (!started.attempt || !started.client_params) throw failure('unreadable', 'The answer holds no payment')
    return started
  }

  const settings = { waitSeconds, webViewPage, copied: copiedWords(locale) }
  const { pay, lastError } = createPay(host, { start, getOrder }, settings)
  return { login, logout: sessions.forget, getPhoneNumber, pay, getOrder, lastError }
}

/** The platform this code runs in. One with a log-in is meant, where a page in a browser has one to try. */
function hereOrThrow() {
  const found = Object.values(hosts).map(({ here }) => here()).filter((host) => host !== undefined)
  const host = found.find(({ login }) => login) || found[0]
  if (!host) throw new TypeError('createTongbao found no mini-program platform here; give it a host')
  return host
}

/** @param {Record<string, unknown>} fields @returns {Record<string, unknown>} those that have a value */
function withoutGaps(fields) {
  return JSON.parse(JSON.stringify(fields))
}
