/** The WeChat host against a running server and the sandbox; see place.js. */
import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { createTongbao, wechat } from 'tongbao-miniprogram'
import { createFakeWechat } from '../fake-wechat.js'
import { CANCELLED, PAID } from '../stage.js'
import { asMerchant, network, ofSandbox, openOrder, payByAlipayElsewhere, server, wechatPapers } from './place.js'

test('a buyer pays, and the merchant reads that it is paid', async () => {
  const { tongbao, phone, order } = await stage()
  phone.buyer = payInSandbox
  assert.equal(await tongbao.pay(order.id), 'paid')
  const read = await asMerchant('GET', `/v1/orders/${order.id}`)
  assert.equal(read.status, 'paid')
  assert.deepEqual(read.payments.map((/** @type {any} */ { state }) => state), ['succeeded'])
})

test('an order made for nobody is paid by whoever opens it', async () => {
  const { tongbao, phone, order } = await stage({ forBuyer: false })
  phone.buyer = payInSandbox
  assert.equal(await tongbao.pay(order.id), 'paid')
  assert.equal((await tongbao.getOrder(order.id)).buyer_id, (await tongbao.login()).buyerId)
})

test('the parameters of the sheet are signed as WeChat demands', async () => {
  const { tongbao, phone, order } = await stage()
  assert.equal(await tongbao.pay(order.id), 'cancelled')
  const { timeStamp, nonceStr, package: prepay, signType, paySign } = phone.sheets[0]
  const signed = [wechatPapers.appid, timeStamp, nonceStr, prepay, ''].join('\n')
  const merchant = createPublicKey(wechatPapers.merchant_private_key_pem)
  assert.equal(signType, 'RSA')
  assert.ok(verify('sha256', Buffer.from(signed), merchant, Buffer.from(paySign, 'base64')))
})

test('a buyer who cancelled pays again', async () => {
  const { tongbao, phone, order } = await stage()
  assert.equal(await tongbao.pay(order.id), 'cancelled')
  phone.buyer = payInSandbox
  assert.equal(await tongbao.pay(order.id), 'paid')
  assert.equal(await tongbao.pay(order.id), 'paid')
  assert.equal(phone.sheets.length, 2)
})

test('a double tap makes one attempt', async () => {
  const { tongbao, phone, order } = await stage()
  phone.buyer = payInSandbox
  assert.deepEqual(await Promise.all([tongbao.pay(order.id), tongbao.pay(order.id)]), ['paid', 'paid'])
  assert.equal((await tongbao.getOrder(order.id)).payments.length, 1)
})

test('a success that the gateway knows nothing of is pending', async () => {
  const { tongbao, phone, order } = await stage()
  phone.buyer = () => PAID
  assert.equal(await tongbao.pay(order.id, { waitSeconds: 2 }), 'pending')
  assert.equal((await tongbao.getOrder(order.id)).status, 'open')
})

test('a lost notification is only a delay', async (t) => {
  const { tongbao, phone, order } = await stage()
  await ofSandbox('PUT', '/faults', { wechat: { notify: { lose: 1 } } })
  t.after(() => ofSandbox('PUT', '/faults', {}))
  phone.buyer = payInSandbox
  assert.equal(await tongbao.pay(order.id), 'paid')
})

test('an order that does not exist fails with the server\'s code', async () => {
  const { tongbao, phone } = await stage()
  assert.equal(await tongbao.pay('ord_unknown'), 'failed')
  assert.equal(tongbao.lastError()?.code, 'order_not_found')
  assert.equal(phone.sheets.length, 0)
})

test('the phone number comes to the merchant whole, and to the page masked', async () => {
  const { tongbao } = await stage()
  const { code } = await ofSandbox('POST', '/wechat/buyer/phone', { appid: wechatPapers.appid, number: '13800138000' })
  assert.deepEqual(await tongbao.getPhoneNumber(code), { masked: '138****8000' })
  const { buyerId } = await tongbao.login()
  assert.equal((await asMerchant('GET', `/v1/buyers/${buyerId}/phone`)).number, '13800138000')
})

test('Alipay inside WeChat is paid on the page that the server names', async () => {
  const { tongbao, phone, order } = await stage()
  const paying = tongbao.pay(order.id, { channel: 'alipay', onWaiting: () => payByAlipayElsewhere(order.id) })
  assert.equal(await paying, 'paid')
  assert.equal(phone.clipboard, order.pay_url)
  assert.equal(phone.sheets.length, 0)
})

/** A phone whose network is the real one and whose log-in is the sandbox's, and an order of its buyer. */
async function stage({ forBuyer = true } = {}) {
  const { phone, wx } = createFakeWechat(network)
  const { appid } = wechatPapers
  wx.login = /** @type {any} */ (
    (/** @type {any} */ { success, fail }) => ofSandbox('POST', '/wechat/buyer/login', { appid }).then(success, fail)
  )
  phone.buyer = () => CANCELLED
  const tongbao = createTongbao({ baseUrl: server, appId: appid, host: wechat(wx) })
  const order = await openOrder(forBuyer ? (await tongbao.login()).buyerId : null)
  return { tongbao, phone, order }
}

/** @param {string} prepayId */
async function payInSandbox(prepayId) {
  await ofSandbox('POST', '/wechat/buyer/pay', { prepay_id: prepayId })
  return PAID
}
