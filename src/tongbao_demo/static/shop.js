/** The page's way to the shop's own backend. */
import { locale } from './words.js'

export const getMenu = () => ask('GET', 'menu')
export const placeOrder = (session, lines) => ask('POST', 'orders', { session, lines })
export const getTimeline = (orderId) => ask('GET', `timeline/${orderId}`)

/** What in real life is WeChat itself: `login`, `pay`, `abandon`, `fail`. */
export const phone = (act, body) => ask('POST', `phone/${act}`, body)
export const getFaults = () => ask('GET', 'phone/faults')
export const setFaults = (faults) => ask('PUT', 'phone/faults', faults)

/** One exchange. Rejects with the server's own words and its code; `unreachable` where it has none. */
async function ask(method, path, body) {
  const headers = { 'Accept-Language': locale(), 'Content-Type': 'application/json' }
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => null)
  const words = await answer?.json().catch(() => null)
  if (words && answer.ok) return words
  const { code = 'unreachable', detail, message, title } = words ?? {}
  throw Object.assign(new Error(detail || message || title), { code })
}
