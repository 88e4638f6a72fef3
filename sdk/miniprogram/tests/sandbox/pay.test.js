/**
 * The SDK against a running server and the sandbox: `npm run test:sandbox` with
 *
 * - TONGBAO_URL, the server's address, and TONGBAO_API_KEY, a merchant's key there;
 * - SANDBOX_CONTROL_URL, the sandbox's control address;
 * - SANDBOX_CREDENTIALS, which of the sandbox's merchants that is, as JSON; by default the first.
 */
import assert from 'node:assert/strict'
import { createPublicKey, randomUUID, verify } from 'node:crypto'
import { before, test } from 'node:test'
import { createTongbao, wechat } from 'tongbao-miniprogram'
import { createFakeWechat } from '../fake-wechat.js'
import { CANCELLED, PAID } from '../stage.js'

const { TONGBAO_URL: server = '', SANDBOX_CONTROL_URL: control = '', TONGBAO_API_KEY: key = '' } = process.env

/** @type {{ appid: string, merchant_private_key_pem: string }} */
let credentials
before(async () => {
  assert.ok(server && control && key, 'TONGBAO_URL, TONGBAO_API_KEY and SANDBOX_CONTROL_URL must be set')
  const given = process.env.SANDBOX_CREDENTIALS
  credentials = given ? JSON.parse(given) : (await exchange('GET', `${control}/credentials`)).wechat
})

test('a buyer pays, and the merchant reads that it is paid', async () => {
  const { tongbao, phone, order } = await stage()
  phone.buyer = payInSandbox
  assert.equal(await tongbao.pay(order.id), 'paid')
  const read = await exchange('GET', `${server}/v1/orders/${order.id}`, undefined, key)
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
  const signed = [credentials.appid, timeStamp, nonceStr, prepay, ''].join('\n')
  const merchant = createPublicKey(credentials.merchant_private_key_pem)
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
  await exchange('PUT', `${control}/faults`, { wechat: { notify: { lose: 1 } } })
  t.after(() => exchange('PUT', `${control}/faults`, {}))
  phone.buyer = payInSandbox
  assert.equal(await tongbao.pay(order.id), 'paid')
})

test('an order that does not exist fails with the server\'s code', async () => {
  const { tongbao, phone } = await stage()
  assert.equal(await tongbao.pay('ord_unknown'), 'failed')
  assert.equal(tongbao.lastError()?.code, 'order_not_found')
  assert.equal(phone.sheets.length, 0)
})

/** A phone whose network is the real one and whose log-in is the sandbox's, and an order of its buyer. */
async function stage({ forBuyer = true } = {}) {
  const { phone, wx } = createFakeWechat(async ({ method, path, wait, headers, body }) => {
    const url = server + path + (wait ? `?wait=${wait}` : '')
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
    return { status: answer.status, data: await answer.json() }
  })
  wx.login = /** @type {any} */ (
    (/** @type {any} */ { success, fail }) =>
      exchange('POST', `${control}/wechat/buyer/login`, { appid: credentials.appid }).then(success, fail)
  )
  phone.buyer = () => CANCELLED
  const tongbao = createTongbao({ baseUrl: server, appId: credentials.appid, host: wechat(wx) })
  const buyer = forBuyer ? (await tongbao.login()).buyerId : null
  const draft = { reference: `sdk-${randomUUID()}`, amount: 1800, subject: 'Latte', buyer }
  const order = await exchange('POST', `${server}/v1/orders`, draft, key)
  return { tongbao, phone, order }
}

/** @param {string} prepayId */
async function payInSandbox(prepayId) {
  await exchange('POST', `${control}/wechat/buyer/pay`, { prepay_id: prepayId })
  return PAID
}

/**
 * @param {string} method @param {string} url @param {object} [body] @param {string} [bearer]
 * @returns {Promise<any>}
 */
async function exchange(method, url, body, bearer) {
  const headers = { 'Content-Type': 'application/json', ...(bearer && { Authorization: `Bearer ${bearer}` }) }
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
  const text = await answer.text()
  assert.ok(answer.ok, `${method} ${url} answered ${answer.status}: ${text}`)
  return JSON.parse(text)
}
