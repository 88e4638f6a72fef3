import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problem } from './fake-server.js'
import { stage } from './stage.js'

test('logging in exchanges one code of the host for a session', async (t) => {
  const { run, server, tongbao } = stage(t)
  assert.deepEqual(await run(tongbao.login()), { token: 'token-1', buyerId: 'buy_1', expiresAt: '2026-05-20T10:00:00.000Z' })
  assert.deepEqual(server.requests[0].body, { host: 'wechat', app_id: 'wx1234567890abcdef', code: 'code-1' })
})

test('log-ins at the same time share one code', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  await run(Promise.all([tongbao.login(), tongbao.getOrder('ord_1'), tongbao.login()]))
  assert.equal(phone.codes, 1)
  assert.equal(server.to('POST sessions').length, 1)
})

test('a code is never sent twice, even when the answer was lost', async (t) => {
  const { run, server, tongbao } = stage(t)
  server.fail('POST sessions', 'lose answer')
  await assert.rejects(run(tongbao.login()), { name: 'TongbaoError', code: 'unreachable' })
  await run(tongbao.login())
  assert.deepEqual(server.to('POST sessions').map(({ body }) => body.code), ['code-1', 'code-2'])
})

test('the session outlives the app, and holds no openid', async (t) => {
  const { run, phone, tongbao, open } = stage(t)
  await run(tongbao.login())
  await run(open().getOrder('ord_1'))
  assert.equal(phone.codes, 1)
  assert.deepEqual([...phone.storage], [
    ['tongbao:https://pay.example.com', { token: 'token-1', buyerId: 'buy_1', expiresAt: '2026-05-20T10:00:00.000Z' }],
  ])
})

test('an expired session is not sent', async (t) => {
  const { run, clock, server, tongbao, open } = stage(t)
  await run(tongbao.login())
  clock.sleep(7200)
  await run(tongbao.getOrder('ord_1'))
  await run(open().getOrder('ord_1'))
  const sent = server.to('GET order').map(({ headers }) => headers.Authorization)
  assert.deepEqual(sent, ['Bearer token-2', 'Bearer token-2'])
})

test('a session the server no longer takes is replaced once, for all who met the refusal', async (t) => {
  const { run, server, tongbao } = stage(t)
  await run(tongbao.login())
  server.expireSessions()
  const [first, second] = await run(Promise.all([tongbao.getOrder('ord_1'), tongbao.getOrder('ord_1')]))
  assert.equal(first.id, 'ord_1')
  assert.equal(second.id, 'ord_1')
  assert.equal(server.to('POST sessions').length, 2)
})

test('a server that refuses every session is asked twice, not for ever', async (t) => {
  const { run, server, tongbao } = stage(t)
  server.fail('GET order', problem(401, 'session_revoked'), problem(401, 'session_revoked'))
  await assert.rejects(run(tongbao.getOrder('ord_1')), { code: 'session_revoked', status: 401 })
  assert.equal(server.to('GET order').length, 2)
})

test('storage that throws costs a log-in, nothing else', async (t) => {
  const { run, phone, tongbao, open } = stage(t)
  phone.storageBroken = true
  await run(tongbao.login())
  await run(tongbao.getOrder('ord_1'))
  assert.equal(phone.codes, 1)
  await run(open().login())
  assert.equal(phone.codes, 2)
})

for (const kept of ['rubbish', { token: '' }, { token: 7, expiresAt: '2030-01-01T00:00:00Z' }, ['x']]) {
  test(`a kept session that is ${JSON.stringify(kept)} is not used`, async (t) => {
    const { run, phone, open } = stage(t)
    phone.storage.set('tongbao:https://pay.example.com', kept)
    await run(open().getOrder('ord_1'))
    assert.equal(phone.codes, 1)
  })
}

test('logging out forgets the session here and in the storage', async (t) => {
  const { run, phone, tongbao } = stage(t)
  await run(tongbao.login())
  tongbao.logout()
  assert.equal(phone.storage.size, 0)
  await run(tongbao.login())
  assert.equal(phone.codes, 2)
})

test('a log-in that ends after the log-out is not kept', async (t) => {
  const { run, phone, tongbao } = stage(t)
  const late = tongbao.login()
  tongbao.logout()
  await run(late)
  assert.equal(phone.storage.size, 0)
  await run(tongbao.login())
  assert.equal(phone.codes, 2)
})

test('a host that gives no code says why, and may be asked again', async (t) => {
  const { run, phone, tongbao } = stage(t)
  phone.loginFails = () => 'login:fail the phone is offline'
  await assert.rejects(run(tongbao.login()), { code: 'login_failed', message: 'login:fail the phone is offline' })
  phone.loginFails = null
  await run(tongbao.login())
})

test('a host that says ok but gives no code has failed', async (t) => {
  const { run, server, wx, tongbao } = stage(t)
  wx.login = /** @type {any} */ ((/** @type {any} */ { success }) => success({ errMsg: 'login:ok' }))
  await assert.rejects(run(tongbao.login()), { code: 'login_failed' })
  assert.equal(server.requests.length, 0)
})

test('a host that never answers log-in is given up in time', async (t) => {
  const { run, clock, wx, tongbao } = stage(t, { timeoutSeconds: 8 })
  wx.login = /** @type {any} */ (() => {})
  await assert.rejects(run(tongbao.login()), { code: 'timed_out' })
  assert.equal(clock.elapsedSeconds(), 8)
})

test('the app id given goes before the one the host tells', async (t) => {
  const { run, server, tongbao } = stage(t, { appId: 'wxsandbox' })
  await run(tongbao.login())
  assert.equal(server.requests[0].body.app_id, 'wxsandbox')
})

test('without an app id nothing is sent', async (t) => {
  const { run, server, wx, tongbao } = stage(t)
  wx.getAccountInfoSync = () => {
    throw new Error('getAccountInfoSync is not supported')
  }
  await assert.rejects(run(tongbao.login()), { code: 'app_id_missing' })
  assert.equal(server.requests.length, 0)
})
