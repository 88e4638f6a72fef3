/** A web page against a running server and the sandbox; see place.js. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser, createTongbao } from 'tongbao-miniprogram'
import { createFakeBrowser } from '../fake-browser.js'
import { alipayPapers, asMerchant, network, ofSandbox, openOrder, payByAlipayElsewhere, server } from './place.js'

test('a web page opens ours, and hears that it was paid there', async () => {
  const { page, window } = createFakeBrowser(network)
  const { token, buyer_id: buyer } = await session()
  const order = await openOrder(buyer)
  window.location.assign = (url) => {
    page.movedTo = url
    payByAlipayElsewhere(order.id)
  }
  const tongbao = createTongbao({ baseUrl: server, host: browser(window), token })
  assert.equal(await tongbao.pay(order.id), 'paid')
  assert.equal(page.movedTo, order.pay_url)
  assert.match(page.movedTo, /^http.*\/pay\//)
})

/** What the merchant's server does for its page. */
async function session() {
  const { app_id: appId } = alipayPapers
  const { auth_code: code } = await ofSandbox('POST', '/alipay/buyer/login', { app_id: appId })
  return asMerchant('POST', '/v1/sessions', { host: 'alipay', app_id: appId, code })
}
