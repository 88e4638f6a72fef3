import { within } from './api.js'
import { failure } from './errors.js'

/** @import { Host, Profile, Session, TongbaoError } from '../index.js' */
/** @import { ApiRequest } from './api.js' */

/** @typedef {{ token: string, buyerId: string, expiresAt: string }} KeptSession */

// A buyer who is asked for leave reads first.
export const CONSENT_SECONDS = 300

/**
 * Who is paying: one session, kept in memory and in the host's storage until it expires. A token that the page's own
 * server gave is used as it is, and not kept.
 *
 * @param {Host} host
 * @param {(request: ApiRequest) => Promise<any>} send
 * @param {{ appId?: string, storageKey: string, timeoutSeconds: number,
 *   token?: string | (() => string | Promise<string>) }} settings
 */
export function createSessions(host, send, { appId, storageKey, timeoutSeconds, token: given }) {
  /** @type {KeptSession | null} */
  let session = given ? null : quietly(() => host.load(storageKey))
  /** @type {Promise<KeptSession> | null} */
  let flight = null

  /** The session to use now: the kept one, or the one that a log-in under way brings. @returns {Promise<KeptSession>} */
  function current() {
    if (usable(session)) return Promise.resolve(session)
    if (flight) return flight
    const mine = (given ? fetchGiven() : logIn(false)).then(
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

  /** Log in anew, asking the buyer for name and picture. @returns {Promise<Session>} */
  async function introduce() {
    if (given) return current()
    const { profile, ...fresh } = await logIn(true)
    keep(fresh)
    return Object.assign({ profile }, fresh)
  }

  /** @returns {Promise<KeptSession>} */
  async function fetchGiven() {
    const giving = Promise.resolve().then(() => (typeof given === 'function' ? given() : given))
    const token = await within(timeoutSeconds, giving, 'login_failed')
    if (!token) throw failure('login_failed', 'The page gave no token')
    return { token, buyerId: '', expiresAt: '' }
  }

  /** @param {boolean} profile @returns {Promise<KeptSession & { profile?: Profile | null }>} */
  async function logIn(profile) {
    if (!host.login) throw failure('token_missing', 'There is no log-in here; give createTongbao a token')
    const id = appId || quietly(() => host.appId())
    if (!id) throw failure('app_id_missing', 'The host tells no app id; give createTongbao one')
    const code = await within(profile ? CONSENT_SECONDS : timeoutSeconds, host.login({ profile }), 'login_failed')
    const body = Object.assign({ host: host.name, app_id: id, code }, profile ? { profile } : {})
    const answer = await send({ method: 'POST', path: '/v1/sessions', body })
    const fresh = { token: answer.token, buyerId: answer.buyer_id, expiresAt: answer.expires_at }
    return profile ? Object.assign({ profile: pictured(answer.profile) }, fresh) : fresh
  }

  /** @param {KeptSession} fresh */
  function keep(fresh) {
    session = fresh
    flight = null
    if (!given) quietly(() => host.save(storageKey, fresh))
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

  return { current, introduce, forget, sendAsBuyer }
}

/** @param {any} profile as the server tells it @returns {Profile | null} */
function pictured(profile) {
  return profile ? { nickname: profile.nickname, avatarUrl: profile.avatar_url } : null
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
