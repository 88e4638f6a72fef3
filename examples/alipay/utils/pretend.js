/** @import { Host, TongbaoOptions } from 'tongbao-miniprogram' */

/**
 * The sandbox in place of Alipay's own log-in and pay sheet, so that this runs without a merchant account. A mini-program of
 * your own needs nothing of this file.
 *
 * @param {Host} platform
 * @param {string} baseUrl of the Tongbao server
 * @param {string} sandboxUrl of the sandbox's control
 * @returns {Partial<TongbaoOptions>}
 */
function pretend(platform, baseUrl, sandboxUrl) {
  /** @param {'GET' | 'POST'} method @param {string} url @param {Record<string, unknown>} [body] @returns {Promise<any>} */
  async function ask(method, url, body) {
    const headers = { 'Content-Type': 'application/json' }
    const answer = await platform.request({ method, url, headers, body, timeoutSeconds: 10 })
    if (answer.status >= 300) throw new Error(`${url} answered ${answer.status}`)
    return answer.body
  }

  /** Logs the sandbox's buyer in, as the SDK does with what `my.getAuthCode` gives. */
  async function token() {
    const { app_id: appId } = (await ask('GET', `${sandboxUrl}/credentials`)).alipay
    const { auth_code: code } = await ask('POST', `${sandboxUrl}/alipay/buyer/login`, { app_id: appId })
    return (await ask('POST', `${baseUrl}/v1/sessions`, { host: 'alipay', app_id: appId, code })).token
  }

  /** @type {Host['openPayment']} */
  async function openPayment(params) {
    const { confirm } = await my.confirm({ title: '支付宝（模拟）', content: '沙箱演示，不会真实扣款', confirmButtonText: '支付' })
    await ask('POST', `${sandboxUrl}/alipay/buyer/${confirm ? 'pay' : 'abandon'}`, { ...params })
    return { code: confirm ? '9000' : '6001', message: 'my.confirm' }
  }

  /** What `my.getPhoneNumber` gives. @returns {Promise<string>} */
  async function phoneConsent() {
    return (await ask('POST', `${sandboxUrl}/alipay/buyer/phone`, {})).response
  }

  return { token, host: { ...platform, openPayment, phoneConsent } }
}

module.exports = { pretend }
