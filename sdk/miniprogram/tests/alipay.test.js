import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTongbao } from '../src/index.js'
import { problem } from './fake-server.js'
import { alipayStage } from './stage.js'

test('a payment in Alipay is one log-in, one attempt, one sheet and the server\'s word', async (t) => {
  const { run, server, phone, tongbao } = alipayStage(t)
  phone.buyer = (orderId) => {
    server.pay(orderId)
    return '9000'
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
  assert.deepEqual(server.requests.map(({ method, path }) => `${method} ${path}`), [
    'POST /v1/sessions',
    'POST /v1/orders/ord_1/payments',
    'GET /v1/orders/ord_1',
  ])
  assert.deepEqual(server.to('POST sessions')[0].body, { host: 'alipay', app_id: '2021001234567890', code: 'code-1' })
  assert.deepEqual(server.to('POST payments')[0].body, { channel: 'alipay', method: 'create' })
  assert.deepEqual(phone.sheets, [{ tradeNO: 'ord_1' }])
  assert.deepEqual(phone.scopes, ['auth_base'])
})

for (const [code, result, reason] of [
  ['9000', 'pending', 'undecided'],
  ['8000', 'pending', 'undecided'],
  ['6004', 'pending', 'undecided'],
  ['6002', 'pending', 'undecided'],
  ['5000', 'pending', 'undecided'],
  ['7777', 'pending', 'undecided'],
  ['4000', 'failed', 'sheet_failed'],
  ['4', 'failed', 'sheet_failed'],
  ['6001', 'cancelled', 'sheet_cancelled'],
  ['99', 'cancelled', 'sheet_cancelled'],
]) {
  test(`${code} is ${result} while the server knows of no payment, and paid once it does`, async (t) => {
    const { run, server, phone, tongbao } = alipayStage(t)
    phone.buyer = () => code
    assert.equal(await run(tongbao.pay('ord_1')), result)
    assert.equal(tongbao.lastError()?.code, reason)
    phone.buyer = (orderId) => {
      server.pay(orderId)
      return code
    }
    assert.equal(await run(tongbao.pay('ord_1')), 'paid')
  })
}

test('what `fail` says is a result code too', async (t) => {
  const { run, phone, tongbao } = alipayStage(t)
  phone.buyer = () => Promise.reject({ error: 4, errorMessage: 'no permission' })
  assert.equal(await run(tongbao.pay('ord_1')), 'failed')
  assert.match(String(tongbao.lastError()?.message), /no permission \(4\)/)
})

test('a signed order string goes to the sheet as it is', async (t) => {
  const { run, phone, tongbao } = alipayStage(t)
  await run(tongbao.pay('ord_1', { method: 'app' }))
  assert.deepEqual(phone.sheets, [{ orderStr: 'out_trade_no=ord_1' }])
})

test('the server\'s refusal is heard although Alipay calls it a failure', async (t) => {
  const { run, tongbao } = alipayStage(t)
  await assert.rejects(run(tongbao.getOrder('ord_2')), { code: 'order_not_found', status: 404 })
})

test('a server that cannot be reached is not taken for one that refused', async (t) => {
  const { run, server, tongbao } = alipayStage(t)
  server.fail('GET order', 'lose answer')
  await assert.rejects(run(tongbao.getOrder('ord_1')), { code: 'unreachable', status: undefined })
})

for (const [what, answer] of /** @type {[string, { status: number, data: any }][]} */ ([
  ['a captive portal', { status: 200, data: '<html>Please log in to the Wi-Fi</html>' }],
  ['a proxy', { status: 502, data: '<html>Bad gateway</html>' }],
])) {
  test(`in Alipay too, an answer from ${what} is not taken for the server's`, async (t) => {
    const { run, server, tongbao } = alipayStage(t)
    server.fail('GET order', answer)
    await assert.rejects(run(tongbao.getOrder('ord_1')), { code: 'unreadable', status: answer.status })
  })
}

test('the session is kept in Alipay\'s storage, and replaced when the server no longer takes it', async (t) => {
  const { run, server, phone, tongbao, open } = alipayStage(t)
  await run(tongbao.login())
  await run(open().getOrder('ord_1'))
  assert.equal(phone.codes, 1)
  server.fail('GET order', problem(401, 'session_revoked'))
  await run(tongbao.getOrder('ord_1'))
  assert.equal(phone.codes, 2)
  tongbao.logout()
  assert.equal(phone.storage.size, 0)
})

test('a buyer who is asked for name and picture shows them once, and they are kept nowhere', async (t) => {
  const { run, server, phone, tongbao } = alipayStage(t)
  const { profile, token } = await run(tongbao.login({ profile: true }))
  assert.deepEqual(profile, { nickname: '小明', avatarUrl: 'https://img.example.com/1.png' })
  assert.deepEqual(phone.scopes, ['auth_user'])
  assert.equal(server.requests[0].body.profile, true)
  assert.equal('profile' in (await run(tongbao.login())), false)
  assert.equal((await run(tongbao.login())).token, token)
  assert.doesNotMatch(JSON.stringify([...phone.storage]), /小明/)
})

test('a buyer who shows no name is logged in as before', async (t) => {
  const { run, phone, tongbao } = alipayStage(t)
  await run(tongbao.login())
  phone.refusal = { error: 11, errorMessage: '用户取消授权' }
  await assert.rejects(run(tongbao.login({ profile: true })), { code: 'login_failed', message: '用户取消授权 (11)' })
  assert.equal((await run(tongbao.getOrder('ord_1'))).id, 'ord_1')
})

test('inside Alipay the platform is found, and a web page\'s own my is not taken for it', async (t) => {
  const { run, server, my } = alipayStage(t)
  t.after(() => delete (/** @type {any} */ (globalThis).my))
  Object.assign(globalThis, { my: { navigateTo() {} } })
  assert.throws(() => createTongbao({ baseUrl: 'https://pay.example.com' }), /found no mini-program platform/)
  Object.assign(globalThis, { my })
  await run(createTongbao({ baseUrl: 'https://pay.example.com/' }).login())
  assert.equal(server.requests[0].body.host, 'alipay')
})
