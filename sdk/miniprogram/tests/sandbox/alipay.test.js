/** The Alipay host against a running server and the sandbox; see place.js. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alipay, createTongbao } from 'tongbao-miniprogram'
import { createFakeAlipay } from '../fake-alipay.js'
import { alipayPapers, asMerchant, network, ofSandbox, openOrder, server } from './place.js'

const { app_id: appId } = alipayPapers

test('a buyer pays in Alipay, and the merchant reads that it is paid', async () => {
  const { tongbao, phone, order } = await stage()
  phone.buyer = payInSandbox
  assert.equal(await tongbao.pay(order.id), 'paid')
  const { status, payments } = await asMerchant('GET', `/v1/orders/${order.id}`)
  assert.equal(status, 'paid')
  const [{ channel, method, state }] = payments
  assert.deepEqual([channel, method, state], ['alipay', 'create', 'succeeded'])
})

for (const code of ['6001', '4000', '6004']) {
  test(`a payment that went through although the sheet said ${code} is paid`, async () => {
    const { tongbao, phone, order } = await stage()
    phone.buyer = async (tradeNO) => {
      await payInSandbox(tradeNO)
      return code
    }
    // The notification may be a moment behind the sheet; who asks once more has it.
    const result = await tongbao.pay(order.id)
    assert.ok(result === 'paid' || (await tongbao.pay(order.id)) === 'paid', result)
  })
}

test('a buyer who cancelled in Alipay pays again, the same trade', async () => {
  const { tongbao, phone, order } = await stage()
  assert.equal(await tongbao.pay(order.id), 'cancelled')
  phone.buyer = payInSandbox
  assert.equal(await tongbao.pay(order.id), 'paid')
  assert.equal(phone.sheets[0].tradeNO, phone.sheets[1].tradeNO)
})

test('a success that Alipay knows nothing of is pending', async () => {
  const { tongbao, phone, order } = await stage()
  phone.buyer = () => '9000'
  assert.equal(await tongbao.pay(order.id, { waitSeconds: 2 }), 'pending')
  assert.equal((await tongbao.getOrder(order.id)).status, 'open')
})

test('a lost notification of Alipay is only a delay', async (t) => {
  const { tongbao, phone, order } = await stage()
  await ofSandbox('PUT', '/faults', { alipay: { notify: { lose: 1 } } })
  t.after(() => ofSandbox('PUT', '/faults', {}))
  phone.buyer = payInSandbox
  assert.equal(await tongbao.pay(order.id), 'paid')
})

test('a refusal of the server is heard through my.request', async () => {
  const { tongbao } = await stage()
  assert.equal(await tongbao.pay('ord_unknown'), 'failed')
  assert.equal(tongbao.lastError()?.code, 'order_not_found')
})

test('name and picture are shown to the page once', async () => {
  const { tongbao } = await stage()
  const { profile, token } = await tongbao.login({ profile: true })
  assert.ok(profile?.nickname)
  assert.deepEqual({ ...(await tongbao.login()), buyerId: '', expiresAt: '' }, { token, buyerId: '', expiresAt: '' })
})

test('Alipay\'s sealed phone number comes to the merchant whole, and to the page masked', async () => {
  const { tongbao } = await stage()
  const { masked } = await tongbao.getPhoneNumber()
  assert.equal(masked, '139****9000')
  const { buyerId } = await tongbao.login()
  assert.equal((await asMerchant('GET', `/v1/buyers/${buyerId}/phone`)).number, '13900139000')
})

/** A phone whose network is the real one and whose platform is the sandbox, and an order of its buyer. */
async function stage() {
  const { phone, my } = createFakeAlipay(network)
  my.getAuthCode = ({ scopes, success, fail }) =>
    ofSandbox('POST', '/alipay/buyer/login', { app_id: appId, scopes }).then(
      ({ auth_code: authCode }) => success({ authCode }),
      (error) => fail({ error: 12, errorMessage: error.message }),
    )
  my.getPhoneNumber = ({ success, fail }) =>
    ofSandbox('POST', '/alipay/buyer/phone', { app_id: appId, mobile: '13900139000' }).then(success, fail)
  const tongbao = createTongbao({ baseUrl: server, appId, host: alipay(my) })
  return { tongbao, phone, order: await openOrder((await tongbao.login()).buyerId) }
}

/** @param {string} tradeNO */
async function payInSandbox(tradeNO) {
  await ofSandbox('POST', '/alipay/buyer/pay', { tradeNO })
  return '9000'
}
