import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problem } from './fake-server.js'
import { BROKEN, CANCELLED, PAID, stage } from './stage.js'

test('a payment is one log-in, one attempt, one sheet and the server\'s word', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  phone.buyer = (orderId) => {
    server.pay(orderId)
    return PAID
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
  assert.equal(tongbao.lastError(), null)
  assert.deepEqual(server.requests.map(({ method, path }) => `${method} ${path}`), [
    'POST /v1/sessions',
    'POST /v1/orders/ord_1/payments',
    'GET /v1/orders/ord_1',
  ])
  assert.deepEqual(server.to('POST payments')[0].body, { channel: 'wechatpay', method: 'jsapi' })
  const { success, fail, ...params } = phone.sheets[0]
  assert.deepEqual(params, {
    timeStamp: '1779264000',
    nonceStr: 'n',
    package: 'prepay_id=ord_1',
    signType: 'RSA',
    paySign: 'signed',
  })
})

test('another channel and method are asked for by name', async (t) => {
  const { run, server, tongbao } = stage(t)
  await run(tongbao.pay('ord_1', { channel: 'unionpay', method: 'tn' }))
  assert.deepEqual(server.to('POST payments')[0].body, { channel: 'unionpay', method: 'tn' })
})

test('a success the server never hears of is pending, not paid', async (t) => {
  const { run, clock, phone, tongbao } = stage(t)
  phone.buyer = () => PAID
  assert.equal(await run(tongbao.pay('ord_1')), 'pending')
  assert.equal(tongbao.lastError()?.code, 'undecided')
  assert.equal(clock.elapsedSeconds(), 60)
})

test('the waiting ends as soon as the server knows', async (t) => {
  const { run, clock, server, phone, tongbao } = stage(t)
  phone.buyer = (orderId) => {
    setTimeout(() => server.pay(orderId), 31_000)
    return PAID
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
  assert.equal(clock.elapsedSeconds(), 31)
  assert.deepEqual(server.to('GET order').map(({ wait }) => wait), [0, 25, 25])
})

test('a buyer who cancels has cancelled, and may pay again', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  assert.equal(await run(tongbao.pay('ord_1')), 'cancelled')
  assert.deepEqual([tongbao.lastError()?.code, tongbao.lastError()?.message], ['sheet_cancelled', CANCELLED])
  assert.deepEqual(server.to('GET order').map(({ wait }) => wait), [0])
  phone.buyer = (orderId) => {
    server.pay(orderId)
    return PAID
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
  assert.equal(tongbao.lastError(), null)
  assert.equal(phone.sheets.length, 2)
})

for (const words of [CANCELLED, BROKEN]) {
  test(`an order that was paid although the sheet said "${words}" is paid`, async (t) => {
    const { run, server, phone, tongbao } = stage(t)
    phone.buyer = (orderId) => {
      server.pay(orderId)
      return words
    }
    assert.equal(await run(tongbao.pay('ord_1')), 'paid')
  })
}

test('a cancelled sheet stays cancelled when the attempt was closed meanwhile', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  phone.buyer = (orderId) => {
    server.move(orderId, { order: { status: 'closed' }, attempt: { state: 'closed' } })
    return CANCELLED
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'cancelled')
})

test('a sheet that fails has failed, with the platform\'s words', async (t) => {
  const { run, phone, tongbao } = stage(t)
  phone.buyer = () => BROKEN
  assert.equal(await run(tongbao.pay('ord_1')), 'failed')
  assert.deepEqual([tongbao.lastError()?.code, tongbao.lastError()?.message], ['sheet_failed', BROKEN])
})

test('a sheet that cannot even be opened has failed', async (t) => {
  const { run, wx, tongbao } = stage(t)
  wx.requestPayment = () => {
    throw new TypeError('requestPayment is not a function')
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'failed')
  assert.match(String(tongbao.lastError()?.message), /not a function/)
})

test('when the server is silent, cancelling is the buyer\'s word and failing nobody\'s', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  server.fail('GET order', 'lose answer', 'lose answer')
  assert.equal(await run(tongbao.pay('ord_1')), 'cancelled')
  phone.buyer = () => BROKEN
  assert.equal(await run(tongbao.pay('ord_1')), 'pending')
  assert.equal(tongbao.lastError()?.code, 'unreachable')
})

test('a double tap makes one attempt', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  assert.deepEqual(await run(Promise.all([tongbao.pay('ord_1'), tongbao.pay('ord_1')])), ['cancelled', 'cancelled'])
  assert.equal(server.to('POST payments').length, 1)
  assert.equal(phone.sheets.length, 1)
})

test('two orders are paid apart', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  server.addOrder('ord_2')
  phone.buyer = (orderId) => {
    if (orderId === 'ord_2') server.pay(orderId)
    return orderId === 'ord_2' ? PAID : CANCELLED
  }
  assert.deepEqual(await run(Promise.all([tongbao.pay('ord_1'), tongbao.pay('ord_2')])), ['cancelled', 'paid'])
})

test('a paid order is paid without opening the sheet', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  server.pay('ord_1')
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
  assert.equal(phone.sheets.length, 0)
})

test('a closed order fails with the server\'s reason', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  server.move('ord_1', { order: { status: 'closed' } })
  assert.equal(await run(tongbao.pay('ord_1')), 'failed')
  assert.equal(tongbao.lastError()?.code, 'order_closed')
  assert.equal(phone.sheets.length, 0)
})

test('an order of somebody else fails', async (t) => {
  const { run, tongbao } = stage(t)
  assert.equal(await run(tongbao.pay('ord_of_another')), 'failed')
  assert.equal(tongbao.lastError()?.code, 'order_not_found')
})

for (const fault of /** @type {const} */ (['lose request', 'lose answer', 'hang'])) {
  test(`without an answer before the sheet (${fault}) nothing is opened and the payment failed`, async (t) => {
    const { run, server, phone, tongbao } = stage(t)
    server.fail('POST payments', fault)
    assert.equal(await run(tongbao.pay('ord_1')), 'failed')
    assert.equal(tongbao.lastError()?.code, fault === 'hang' ? 'timed_out' : 'unreachable')
    assert.equal(phone.sheets.length, 0)
    assert.equal(await run(tongbao.pay('ord_1')), 'cancelled')
  })
}

test('a log-in that fails is a payment that failed', async (t) => {
  const { run, phone, tongbao } = stage(t)
  phone.loginFails = () => 'login:fail'
  assert.equal(await run(tongbao.pay('ord_1')), 'failed')
  assert.equal(tongbao.lastError()?.code, 'login_failed')
})

test('a session that expired is replaced within the payment', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  await run(tongbao.login())
  server.expireSessions()
  assert.equal(await run(tongbao.pay('ord_1')), 'cancelled')
  assert.equal(phone.codes, 2)
  assert.equal(phone.sheets.length, 1)
})

for (const data of [{ code: 0, message: 'ok' }, { attempt: { id: 'att_1' } }]) {
  test(`an answer that holds no payment (${JSON.stringify(data)}) opens no sheet`, async (t) => {
    const { run, server, phone, tongbao } = stage(t)
    server.fail('POST payments', { status: 200, data })
    assert.equal(await run(tongbao.pay('ord_1')), 'failed')
    assert.equal(tongbao.lastError()?.code, 'unreadable')
    assert.equal(phone.sheets.length, 0)
  })
}

test('a gateway that is unavailable fails the payment before the sheet', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  server.fail('POST payments', problem(503, 'gateway_unavailable'))
  assert.equal(await run(tongbao.pay('ord_1')), 'failed')
  assert.equal(tongbao.lastError()?.code, 'gateway_unavailable')
  assert.equal(phone.sheets.length, 0)
})
