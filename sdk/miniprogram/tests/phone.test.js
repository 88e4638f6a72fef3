import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alipayStage, browserStage, stage } from './stage.js'

test('in WeChat the button\'s code goes to the server, and the page sees a masked number', async (t) => {
  const { run, server, tongbao } = stage(t)
  assert.deepEqual(await run(tongbao.getPhoneNumber('code-of-the-button')), { masked: '138****8000' })
  const [{ path, body, headers }] = server.to('POST phone')
  assert.equal(path, '/v1/sessions/current/phone')
  assert.deepEqual(body, { consent: 'code-of-the-button' })
  assert.equal(headers.Authorization, 'Bearer token-1')
})

test('in Alipay what the host sealed goes to the server as it is', async (t) => {
  const { run, server, tongbao } = alipayStage(t)
  assert.deepEqual(await run(tongbao.getPhoneNumber()), { masked: '138****8000' })
  assert.deepEqual(server.to('POST phone')[0].body, { consent: '{"response":"c2VhbGVk","sign":"c2lnbmVk"}' })
})

test('a buyer who does not consent is not asked about at the server', async (t) => {
  const inWechat = stage(t)
  await assert.rejects(inWechat.run(inWechat.tongbao.getPhoneNumber(undefined)), { code: 'phone_refused' })
  const inAlipay = alipayStage(t)
  inAlipay.phone.refusal = { error: 11, errorMessage: '用户拒绝' }
  await assert.rejects(inAlipay.run(inAlipay.tongbao.getPhoneNumber()), { code: 'phone_refused' })
  const onPage = browserStage(t)
  await assert.rejects(onPage.run(onPage.tongbao.getPhoneNumber()), { code: 'phone_refused' })
  for (const { server } of [inWechat, inAlipay, onPage]) assert.deepEqual(server.requests, [])
})

test('in WeChat there is no name or picture to be had by logging in', async (t) => {
  const { run, tongbao } = stage(t)
  assert.equal((await run(tongbao.login({ profile: true }))).profile, null)
})
