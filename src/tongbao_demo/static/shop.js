/** The page's way to the shop's own backend. */
import { locale } from './words.js'

export const getMenu = () => ask('GET', 'menu')
export const placeOrder = (buyer, lines) => ask('POST', 'orders', { buyer, lines })
export const getTimeline = (orderId) => ask('GET', `timeline/${orderId}`)

/** What in real life is WeChat itself: `login`, `pay`, `abandon`, `fail`. */
export const phone = (act, body) => ask('POST', `phone/${act}`, body)
export const getFaults = () => ask('GET', 'phone/faults')
export const setFaults = (faults) => ask('PUT', 'phone/faults', faults)

/** One exchange. Rejects with the server's own words and its code. */
async function ask(method, path, body) {
  const headers = { 'Accept-Language': locale(), 'Content-Type': 'application/json' }
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) })
  const words = await answer.json()
  if (answer.ok) return words
  throw Object.assign(new Error(words.detail || words.message || words.title), { code: words.code })
}
