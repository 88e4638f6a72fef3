import { within } from './api.js'
import { failure } from './errors.js'

/** @import { Host, TongbaoError } from '../index.js' */
/** @import { ApiRequest } from './api.js' */

/** @typedef {{ token: string, buyerId: string, expiresAt: string }} KeptSession */

/**
 * Who is paying: one session, kept in memory and in the host's storage until it expires.
 *
 * @param {Host} host
 * @param {(request: ApiRequest) => Promise<any>} send
 * @param {{ appId?: string, storageKey: string, timeoutSeconds: number }} settings
 */
export function createSessions(host, send, { appId, storageKey, timeoutSeconds }) {
  /** @type {KeptSession | null} */
  let session = quietly(() => host.load(storageKey))
  /** @type {Promise<KeptSession> | null} */
  let flight = null

  /** The session to use now: the kept one, or the one that a log-in under way brings. */
  function current() {
    if (usable(session)) return Promise.resolve(session)
    if (flight) return flight
    const mine = logIn().then(
      (fresh) => {
        if (flight === mine) keep(fresh)
        return fresh
      },
      (error) => {
        if (flight === mine) flight = null
        throw error
      },
    )
    flight = mine
    return mine
  }

  /** @returns {Promise<KeptSession>} */
  async function logIn() {
    const id = appId || quietly(() => host.appId())
    if (!id) throw failure('app_id_missing', 'The host tells no app id; give createTongbao one')
    const code = await within(timeoutSeconds, host.login(), 'login_failed')
    const body = { host: host.name, app_id: id, code }
    const { token, buyer_id, expires_at } = await send({ method: 'POST', path: '/v1/sessions', body })
    return { token, buyerId: buyer_id, expiresAt: expires_at }
  }

  /** @param {KeptSession} fresh */
  function keep(fresh) {
    session = fresh
    flight = null
    quietly(() => host.save(storageKey, fresh))
  }

  function forget() {
    session = null
    flight = null
    quietly(() => host.remove(storageKey))
  }

  /**
   * Send as the buyer. A session that the server no longer takes is replaced once.
   *
   * @param {ApiRequest} request
   */
  async function sendAsBuyer(request) {
    const first = await current()
    try {
      return await send(Object.assign({ token: first.token }, request))
    } catch (error) {
      if (/** @type {TongbaoError} */ (error).status !== 401) throw error
    }
    if (session === first) forget()
    const second = await current()
    return send(Object.assign({ token: second.token }, request))
  }

  return { current, forget, sendAsBuyer }
}

/**
 * A time that cannot be read does not expire here: the server's 401 decides.
 *
 * @param {unknown} kept
 * @returns {kept is KeptSession}
 */
function usable(kept) {
  const { token, expiresAt } = /** @type {Partial<KeptSession>} */ (kept || {})
  return typeof token === 'string' && !(Date.parse(String(expiresAt)) <= Date.now())
}

/**
 * The host's storage may be full or forbidden: then the session lives in memory alone.
 *
 * @param {() => any} act
 */
function quietly(act) {
  try {
    return act()
  } catch (error) {
    return null
  }
}
