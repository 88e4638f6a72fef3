const { shopUrl } = require('../config')
const { tongbao, platform } = require('./tongbao')

/** @typedef {{ id: string, zh: string, en: string, price: number, colour: string }} Drink `price` in fen */
/** @typedef {{ id: string, quantity: number }} Line */

/** @returns {Promise<{ shop: string, drinks: Drink[] }>} */
const getMenu = () => ask('GET', '/menu')

/**
 * The shop's server adds up the prices and opens the order. It learns from Tongbao whose session this is.
 *
 * @param {Line[]} lines
 * @returns {Promise<{ id: string }>}
 */
async function placeOrder(lines) {
  return ask('POST', '/orders', { session: (await tongbao.login()).token, lines })
}

/** @param {'GET' | 'POST'} method @param {string} path @param {Record<string, unknown>} [body] @returns {Promise<any>} */
async function ask(method, path, body) {
  const headers = { 'Content-Type': 'application/json', 'Accept-Language': 'zh-CN' }
  const answer = await platform.request({ method, url: shopUrl + path, headers, body, timeoutSeconds: 10 })
  const words = /** @type {any} */ (answer.body)
  if (answer.status >= 300) throw new Error((words && words.detail) || '暂时连不上店家，请稍后再试')
  return words
}

/** @param {number} fen */
const yuan = (fen) => (fen / 100).toFixed(2)

module.exports = { getMenu, placeOrder, yuan }
