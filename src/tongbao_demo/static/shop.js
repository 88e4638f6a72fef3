/** The page's way to the shop's own backend. */
import { locale } from './words.js'

export const getMenu = () => ask('GET', 'menu')
/** Without a session it is the shop's own people who order, for whoever stands there. */
export const placeOrder = (session, lines) => ask('POST', 'orders', { session, lines })
/** Ask for the price of one cup back, `{ drink, number }`; or, with an empty wish, for all that is left. */
export const askBack = (session, orderId, wish) => ask('POST', `orders/${orderId}/refunds`, { session, ...wish })

/** The counter: collect with a scanned payment code, or give up; and the code on the wall. */
export const collect = (orderId, code) => ask('POST', `orders/${orderId}/collect`, { auth_code: code })
export const callOff = (orderId) => ask('POST', `orders/${orderId}/call-off`)
export const getShopCode = () => ask('GET', 'shop-code')

/** What the shop's people see and decide. */
export const getTimeline = (orderId) => ask('GET', `timeline/${orderId}`)
export const getStory = (orderId) => ask('GET', `story/${orderId}`)
export const keepRefund = (refundId) => ask('POST', `refunds/${refundId}/redirect`)
export const closeCase = (caseId, resolution) => ask('POST', `cases/${caseId}/close`, { resolution })

export const getBooks = () => ask('GET', 'books')

/** What in real life is a wallet on the buyer's phone, `wechat` or `alipay`: `login`, `pay`, `abandon`, `code` … */
export const phone = (wallet, act, body) => ask('POST', `phone/${wallet}/${act}`, body)

/** What goes wrong, because the visitor wants to see it. */
export const getWeather = () => ask('GET', 'weather')
/** Let a minute pass, for everyone. */
export const skip = () => ask('POST', 'skip')
export const changeWeather = (changes) => ask('PUT', 'weather', changes)

/** One exchange. Rejects with the server's own words and its code; `unreachable` where it has none. */
async function ask(method, path, body) {
  const headers = { 'Accept-Language': locale(), 'Content-Type': 'application/json' }
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => null)
  const words = await answer?.json().catch(() => null)
  if (words && answer.ok) return words
  const { code = 'unreachable', detail, message, title } = words ?? {}
  throw Object.assign(new Error(detail || message || title), { code })
}
