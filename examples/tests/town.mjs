import { startClock } from '../../sdk/miniprogram/tests/clock.js'
import { createFakeServer } from '../../sdk/miniprogram/tests/fake-server.js'

/** @import { Answer, Request } from '../../sdk/miniprogram/tests/fake-server.js' */

const CONFIG = { baseUrl: 'https://pay.example.com', shopUrl: 'https://shop.example.com/demo', sandboxUrl: '' }

const DRINKS = [
  { id: 'latte', zh: '拿铁', en: 'Latte', price: 1800, colour: '#c8a07a' },
  { id: 'jasmine', zh: '茉莉花茶', en: 'Jasmine tea', price: 1200, colour: '#b9c77d' },
]

/**
 * Tongbao, and a shop that opens its orders there.
 *
 * @param {import('node:test').TestContext} t
 */
export function openTown(t) {
  const clock = startClock(t)
  const server = createFakeServer()
  const shop = { isOpen: true, carts: /** @type {any[]} */ ([]) }

  /** @param {Request} request @returns {Promise<Answer>} */
  async function network(request) {
    const { path, body } = request
    if (!path.startsWith('/demo/')) return server.receive(request)
    if (!shop.isOpen) return { status: 502, data: { code: 'no_answer', detail: '店家不在' } }
    if (path === '/demo/menu') return { status: 200, data: { shop: '通宝咖啡', app_id: 'wx1', drinks: DRINKS } }
    shop.carts.push(body)
    const order = server.addOrder(`ord_${shop.carts.length}`)
    const items = body.lines.map((/** @type {any} */ { id, quantity }) => {
      const drink = DRINKS.find((drink) => drink.id === id)
      return { name: drink?.zh, quantity, unit_price: drink?.price, reference: id }
    })
    const amount = items.reduce((/** @type {number} */ sum, /** @type {any} */ item) => sum + item.unit_price * item.quantity, 0)
    return { status: 201, data: Object.assign(order, { items, amount }) }
  }

  return { clock, run: clock.run, server, shop, network, config: CONFIG }
}
