/**
 * The samples as they are in the box, against a running `make demo`: `npm run test:demo` with DEMO_URL, its server's address,
 * and SANDBOX_CONTROL_URL, its sandbox's.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alipayStage } from '../alipay-stage.mjs'
import { wechatStage } from '../wechat-stage.mjs'

/** @import { Request } from '../../../sdk/miniprogram/tests/fake-server.js' */

const { DEMO_URL: baseUrl = '', SANDBOX_CONTROL_URL: sandboxUrl = '' } = process.env
assert.ok(baseUrl && sandboxUrl, 'DEMO_URL and SANDBOX_CONTROL_URL must be set')

const demo = {
  config: { baseUrl, shopUrl: `${baseUrl}/demo`, sandboxUrl },
  run: (/** @type {Promise<any>} */ promise) => promise,
  async network(/** @type {Request} */ { method, url, headers, body }) {
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
    return { status: answer.status, data: await answer.json() }
  },
}

test('a coffee is bought in the WeChat sample', async () => {
  const { open, phone, moves } = wechatStage(demo)
  const shop = await open('pages/shop/shop')
  await shop.tap('.more')
  await shop.tap('.order')
  const [, id] = String(phone.pages[0]).split('id=')
  const page = await open('pages/order/order', { id })
  assert.match(page.text(), /微信支付 ¥18\.00/)
  phone.confirms = false
  await page.tap('.pay')
  assert.deepEqual(moves, [])
  phone.confirms = true
  await page.tap('.pay')
  assert.deepEqual(moves, [`/pages/result/result?id=${id}&result=paid`])
})

test('a coffee is bought in the Alipay sample', async () => {
  const { open, moves } = alipayStage(demo)
  const shop = await open('pages/shop/shop')
  await shop.tap('more', { id: 'latte' })
  await shop.tap('order')
  const [, id] = String(moves[0]).split('id=')
  const { page, tap } = await open('pages/order/order', { id })
  assert.equal(page.data.amount, '18.00')
  await tap('phone')
  assert.match(page.data.phone, /^\d{3}\*{4}\d{4}$/)
  await tap('pay')
  assert.equal(moves[1], `/pages/result/result?id=${id}&result=paid`)
})
