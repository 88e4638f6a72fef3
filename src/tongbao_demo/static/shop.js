/** The page's way to the shop's own backend. */
import { locale } from './words.js'

export const getMenu = () => ask('GET', 'menu')
export const placeOrder = (session, lines) => ask('POST', 'orders', { session, lines })
/** Ask for the price of one cup back, `{ drink, number }`; or, with an empty wish, for all that is left. */
export const askBack = (session, orderId, wish) => ask('POST', `orders/${orderId}/refunds`, { session, ...wish })

/** What the shop's people see and decide. */
export const getTimeline = (orderId) => ask('GET', `timeline/${orderId}`)
export const getStory = (orderId) => ask('GET', `story/${orderId}`)
export const keepRefund = (refundId) => ask('POST', `refunds/${refundId}/redirect`)
export const closeCase = (caseId, resolution) => ask('POST', `cases/${caseId}/close`, { resolution })

/** What in real life is WeChat itself: `login`, `pay`, `abandon`, `fail`. */
export const phone = (act, body) => ask('POST', `phone/${act}`, body)

/** What goes wrong, because the visitor wants to see it. */
export const getWeather = () => ask('GET', 'weather')
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
