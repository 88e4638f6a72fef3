import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alipayStage, browserStage, stage } from './stage.js'

const PAY_URL = 'https://pay.example.com/pay/ord_1.mac'

test('in a browser our page is opened, and the server is asked until it is paid there', async (t) => {
  const { run, clock, server, page, tongbao } = browserStage(t)
  setTimeout(() => server.pay('ord_1'), 20_000)
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
  assert.equal(page.movedTo, PAY_URL)
  assert.equal(clock.elapsedSeconds(), 20)
  assert.deepEqual(server.to('POST payments'), [])
  assert.ok(server.requests.every(({ headers }) => headers.Authorization === 'Bearer token-of-the-page'))
})

for (const [channel, method, url] of [
  ['wechatpay', 'h5', 'https://wx.example.com/h5?order=ord_1'],
  ['alipay', 'wap', 'https://alipay.example.com/gateway?order=ord_1'],
]) {
  test(`in a browser ${channel} is paid by ${method}, on the gateway's page`, async (t) => {
    const { run, server, page, tongbao } = browserStage(t)
    const wish = { channel, returnUrl: 'https://shop.example.com/thanks' }
    assert.equal(await run(tongbao.pay('ord_1', wish)), 'pending')
    assert.equal(page.movedTo, url)
    const expected = { channel, method, host: 'browser', return_url: 'https://shop.example.com/thanks' }
    assert.deepEqual(server.to('POST payments')[0].body, expected)
  })
}

test('a payment page opens in a tab that knows nothing of ours, if the browser lets it', async (t) => {
  const { run, page, tongbao } = browserStage(t, {}, { tab: true })
  await run(tongbao.pay('ord_1'))
  assert.deepEqual(page.tabs, [{ url: PAY_URL, opener: null }])
  assert.equal(page.movedTo, '')
  page.blocksTabs = true
  await run(tongbao.pay('ord_1'))
  assert.equal(page.movedTo, PAY_URL)
})

test('an order that is paid already opens no page', async (t) => {
  const { run, server, page, tongbao } = browserStage(t)
  server.pay('ord_1')
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
  assert.equal(page.movedTo, '')
})

test('an order that closes while our page is open has failed', async (t) => {
  const { run, server, tongbao } = browserStage(t)
  setTimeout(() => server.move('ord_1', { order: { status: 'closed', close_reason: 'expired' } }), 9000)
  assert.equal(await run(tongbao.pay('ord_1')), 'failed')
  assert.deepEqual([tongbao.lastError()?.code, tongbao.lastError()?.message], ['order_closed', 'expired'])
})

test('an attempt that fails on our page is not the end: the buyer tries another there', async (t) => {
  const { run, server, tongbao } = browserStage(t)
  server.move('ord_1', { order: { payments: [{ id: 'att_1', state: 'failed' }] } })
  setTimeout(() => server.pay('ord_1'), 5000)
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
})

test('a method without a page fails in a browser', async (t) => {
  const { run, page, tongbao } = browserStage(t)
  assert.equal(await run(tongbao.pay('ord_1', { channel: 'alipay', method: 'precreate' })), 'failed')
  assert.match(String(tongbao.lastError()?.message), /no pay sheet/)
  assert.equal(page.movedTo, '')
})

test('a browser without a token logs nobody in', async (t) => {
  const { run, server, tongbao } = browserStage(t, { token: undefined })
  assert.equal(await run(tongbao.pay('ord_1')), 'failed')
  assert.equal(tongbao.lastError()?.code, 'token_missing')
  assert.deepEqual(server.requests, [])
})

test('a token that the server no longer takes is fetched again', async (t) => {
  const given = ['token-of-yesterday', 'token-of-the-page']
  const { run, tongbao } = browserStage(t, { token: () => String(given.shift()) })
  assert.equal((await run(tongbao.getOrder('ord_1'))).id, 'ord_1')
  assert.deepEqual(await run(tongbao.login()), { token: 'token-of-the-page', buyerId: '', expiresAt: '' })
})

test('a page whose server gives no token says so', async (t) => {
  const { run, tongbao } = browserStage(t, { token: () => Promise.reject(new Error('the shop is closed')) })
  await assert.rejects(run(tongbao.login()), { code: 'login_failed', message: 'the shop is closed' })
})

for (const [name, open, channel, method] of /** @type {const} */ ([
  ['Alipay inside WeChat', stage, 'alipay', 'wap'],
  ['WeChat Pay inside Alipay', alipayStage, 'wechatpay', 'h5'],
])) {
  test(`${name} is paid on our page, whose address is copied, and the buyer is told`, async (t) => {
    const { run, clock, server, phone, tongbao } = open(t)
    server.forbidden.add(channel)
    setTimeout(() => server.pay('ord_1'), 30_000)
    /** @type {string[]} */
    const heard = []
    const onWaiting = (/** @type {() => void} */ _, /** @type {string} */ code) => heard.push(code)
    assert.equal(await run(tongbao.pay('ord_1', { channel, onWaiting })), 'paid')
    assert.equal(phone.clipboard, PAY_URL)
    assert.deepEqual(phone.told, ['付款链接已复制，请在手机浏览器中打开并付款。'])
    assert.deepEqual(heard, ['link_copied'])
    assert.equal(clock.elapsedSeconds(), 30)
    assert.deepEqual(server.to('POST payments').map(({ body }) => body), [{ channel, method }])
    assert.equal(phone.sheets.length, 0)
  })

  test(`${name} opens in a page of the mini-program's own, if there is one`, async (t) => {
    const { run, server, phone, tongbao } = open(t, { webViewPage: '/pages/web/web' })
    server.forbidden.add(channel)
    assert.equal(await run(tongbao.pay('ord_1', { channel })), 'pending')
    assert.deepEqual(phone.pages, [`/pages/web/web?url=${encodeURIComponent(PAY_URL)}`])
    assert.equal(phone.clipboard, '')
  })

  test(`${name} fails where that page does not exist`, async (t) => {
    const { run, server, tongbao } = open(t, { webViewPage: '/nowhere' })
    server.forbidden.add(channel)
    assert.equal(await run(tongbao.pay('ord_1', { channel })), 'failed')
    assert.equal(tongbao.lastError()?.code, 'sheet_failed')
  })
}

test('who reads English is told in English', async (t) => {
  const { run, server, phone, tongbao } = stage(t, { locale: 'en' })
  server.forbidden.add('alipay')
  await run(tongbao.pay('ord_1', { channel: 'alipay' }))
  assert.match(phone.told[0], /was copied/)
})

test('a way that is forbidden, with no page to go round, fails with the server\'s words', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  server.forbidden.add('alipay')
  server.move('ord_1', { order: { pay_url: undefined } })
  assert.equal(await run(tongbao.pay('ord_1', { channel: 'alipay' })), 'failed')
  assert.equal(tongbao.lastError()?.code, 'way_forbidden')
  assert.equal(phone.clipboard, '')
})

test('a method or an option that the host\'s own channel may not use here fails, and no page takes its place', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  server.forbidden.add('wechatpay')
  assert.equal(await run(tongbao.pay('ord_1', { instalments: { number: 3, feeBy: 'buyer' } })), 'failed')
  assert.equal(tongbao.lastError()?.code, 'way_forbidden')
  assert.deepEqual([phone.clipboard, phone.pages, phone.sheets], ['', [], []])
})

test('parts and means are asked for in the server\'s words', async (t) => {
  const { run, server, tongbao } = alipayStage(t)
  await run(tongbao.pay('ord_1', { instalments: { number: 3, feeBy: 'seller' }, without: ['credit_card'] }))
  const expected = { instalments: { number: 3, fee_by: 'seller' }, without: ['credit_card'] }
  assert.deepEqual(server.to('POST payments')[0].body, { channel: 'alipay', method: 'create', ...expected })
})
