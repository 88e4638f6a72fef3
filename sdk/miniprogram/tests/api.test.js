import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTongbao } from '../src/index.js'
import { problem } from './fake-server.js'
import { stage } from './stage.js'

test('a refusal carries the server\'s code, its words and the status', async (t) => {
  const { run, tongbao } = stage(t)
  const expected = { code: 'order_not_found', message: 'order_not_found, in words', status: 404 }
  await assert.rejects(run(tongbao.getOrder('ord_2')), expected)
})

test('an order id is sent as one piece of the path', async (t) => {
  const { run, server, tongbao } = stage(t)
  server.addOrder('../sessions?x=1')
  assert.equal((await run(tongbao.getOrder('../sessions?x=1'))).status, 'open')
})

test('the language is asked for only where one was chosen', async (t) => {
  const { run, server, tongbao } = stage(t)
  await run(tongbao.login())
  assert.equal('Accept-Language' in server.requests[0].headers, false)
})

test('the chosen language goes with every request', async (t) => {
  const { run, server, tongbao } = stage(t, { locale: 'zh-CN' })
  await run(tongbao.getOrder('ord_1'))
  assert.deepEqual(server.requests.map(({ headers }) => headers['Accept-Language']), ['zh-CN', 'zh-CN'])
})

test('a waiting order answers as soon as it moves', async (t) => {
  const { run, clock, server, tongbao } = stage(t)
  setTimeout(() => server.pay('ord_1'), 7000)
  assert.equal((await run(tongbao.getOrder('ord_1', { waitSeconds: 25 }))).status, 'paid')
  assert.equal(clock.elapsedSeconds(), 7)
})

test('a wait that no server takes is cut to one that it does', async (t) => {
  const { run, server, tongbao } = stage(t)
  for (const waitSeconds of [0.2, 3600, -1]) await run(tongbao.getOrder('ord_1', { waitSeconds }))
  assert.deepEqual(server.to('GET order').map(({ wait }) => wait), [1, 25, 0])
})

test('a slow server is given up after the time limit, a waiting one not before its wait is over', async (t) => {
  const { run, clock, server, tongbao } = stage(t, { timeoutSeconds: 5 })
  await run(tongbao.login())
  server.fail('GET order', 'hang', 'hang')
  await assert.rejects(run(tongbao.getOrder('ord_1')), { code: 'timed_out' })
  assert.equal(clock.elapsedSeconds(), 5)
  await assert.rejects(run(tongbao.getOrder('ord_1', { waitSeconds: 20 })), { code: 'timed_out' })
  assert.equal(clock.elapsedSeconds(), 30)
  assert.deepEqual(server.to('GET order').map(({ timeout }) => timeout), [5000, 25_000])
})

test('an answered request leaves no timer behind', async (t) => {
  const { run, clock, server, tongbao } = stage(t)
  server.fail('GET order', 'lose answer')
  await assert.rejects(run(tongbao.getOrder('ord_1')), { code: 'unreachable' })
  await run(tongbao.getOrder('ord_1'))
  assert.equal(clock.pendingTimers(), 0)
})

for (const [what, answer] of /** @type {[string, { status: number, data: any }][]} */ ([
  ['a captive portal', { status: 200, data: '<html>Please log in to the Wi-Fi</html>' }],
  ['a proxy', { status: 502, data: '<html>Bad gateway</html>' }],
  ['another program', { status: 404, data: { message: 'not found' } }],
  ['nobody', { status: 200, data: '' }],
])) {
  test(`an answer from ${what} is not taken for the server's`, async (t) => {
    const { run, server, tongbao } = stage(t)
    server.fail('GET order', answer)
    await assert.rejects(run(tongbao.getOrder('ord_1')), { code: 'unreadable', status: answer.status })
  })
}

test('a problem without words is told by its code', async (t) => {
  const { run, server, tongbao } = stage(t)
  server.fail('GET order', { status: 429, data: { ...problem(429, 'too_many_requests').data, title: '', detail: '' } })
  await assert.rejects(run(tongbao.getOrder('ord_1')), { message: 'too_many_requests' })
})

test('a client needs an address and a platform', () => {
  assert.throws(() => createTongbao({ baseUrl: '' }), /needs baseUrl/)
  assert.throws(() => createTongbao({ baseUrl: 'https://pay.example.com' }), /found no mini-program platform/)
})

test('inside WeChat the platform is found, and a browser\'s own wx is not taken for it', async (t) => {
  const { run, server, wx } = stage(t)
  t.after(() => delete (/** @type {any} */ (globalThis).wx))
  Object.assign(globalThis, { wx: { chooseWXPay() {} } })
  assert.throws(() => createTongbao({ baseUrl: 'https://pay.example.com' }), /found no mini-program platform/)
  Object.assign(globalThis, { wx })
  await run(createTongbao({ baseUrl: 'https://pay.example.com/' }).login())
  assert.equal(server.requests[0].path, '/v1/sessions')
})
