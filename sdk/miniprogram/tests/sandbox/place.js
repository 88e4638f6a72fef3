/**
 * Where the tests of this folder happen: `npm run test:sandbox` with
 *
 * - TONGBAO_URL, the server's address, and TONGBAO_API_KEY, a merchant's key there;
 * - SANDBOX_CONTROL_URL, the sandbox's control address;
 * - SANDBOX_CREDENTIALS and SANDBOX_ALIPAY, which of the sandbox's merchants that is, as JSON; by default the first.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

export const { TONGBAO_URL: server = '', SANDBOX_CONTROL_URL: control = '', TONGBAO_API_KEY: key = '' } = process.env
assert.ok(server && control && key, 'TONGBAO_URL, TONGBAO_API_KEY and SANDBOX_CONTROL_URL must be set')

const { SANDBOX_CREDENTIALS: ofWechat, SANDBOX_ALIPAY: ofAlipay } = process.env
const first = ofWechat && ofAlipay ? {} : await exchange('GET', `${control}/credentials`)

/** @type {{ appid: string, merchant_private_key_pem: string }} */
export const wechatPapers = ofWechat ? JSON.parse(ofWechat) : first.wechat
/** @type {{ app_id: string }} */
export const alipayPapers = ofAlipay ? JSON.parse(ofAlipay) : first.alipay

/** A phone's network that is the real one. @param {import('../fake-server.js').Request} request */
export async function network({ method, url, headers, body }) {
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
  return { status: answer.status, data: await answer.json() }
}

/** @param {string | null} [buyer] @returns {Promise<import('../../index.js').Order>} */
export function openOrder(buyer) {
  return asMerchant('POST', '/v1/orders', { reference: `sdk-${randomUUID()}`, amount: 1800, subject: 'Latte', buyer })
}

/** Ask the server as the merchant. @param {string} method @param {string} path @param {object} [body] */
export const asMerchant = (method, path, body) => exchange(method, server + path, body, key)

/** Ask the sandbox. @param {string} method @param {string} path @param {object} [body] */
export const ofSandbox = (method, path, body) => exchange(method, control + path, body)

/** What the buyer does on our page, in a browser. @param {string} orderId */
export async function payByAlipayElsewhere(orderId) {
  const way = { channel: 'alipay', method: 'wap', host: 'browser' }
  const { client_params: params } = await asMerchant('POST', `/v1/orders/${orderId}/payments`, way)
  await ofSandbox('POST', '/alipay/buyer/pay', { pay_url: params.url })
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
