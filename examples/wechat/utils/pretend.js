/** @import { Host, TongbaoOptions } from 'tongbao-miniprogram' */

/**
 * The sandbox in place of WeChat's own log-in and pay sheet, so that this runs without a merchant account. A mini-program of
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

  /** Logs the sandbox's buyer in, as the SDK does with what `wx.login` gives. */
  async function token() {
    const { appid } = (await ask('GET', `${sandboxUrl}/credentials`)).wechat
    const { code } = await ask('POST', `${sandboxUrl}/wechat/buyer/login`, { appid })
    return (await ask('POST', `${baseUrl}/v1/sessions`, { host: 'wechat', app_id: appid, code })).token
  }

  /** @type {Host['openPayment']} */
  async function openPayment(params) {
    const { confirm } = await wx.showModal({ title: '微信支付（模拟）', content: '沙箱演示，不会真实扣款', confirmText: '支付' })
    await ask('POST', `${sandboxUrl}/wechat/buyer/${confirm ? 'pay' : 'abandon'}`, { ...params })
    const code = confirm ? 'requestPayment:ok' : 'requestPayment:fail cancel'
    return { code, message: code }
  }

  return { token, host: { ...platform, openPayment } }
}

module.exports = { pretend }
