/** @import * as Package from '../../index.js' */

/**
 * WeChat mini-programs.
 *
 * @type {typeof Package.wechat}
 */
export function wechat(wx) {
  return {
    name: 'wechat',
    channel: 'wechatpay',
    method: 'jsapi',

    appId() {
      return wx.getAccountInfoSync().miniProgram.appId
    },

    login() {
      return new Promise((resolve, reject) => {
        wx.login({
          success: ({ code, errMsg }) => (code ? resolve(code) : reject(new Error(errMsg))),
          fail: ({ errMsg }) => reject(new Error(errMsg)),
        })
      })
    },

    request({ method, url, headers, body, timeoutSeconds }) {
      return new Promise((resolve, reject) => {
        wx.request({
          method,
          url,
          header: headers,
          data: body,
          timeout: timeoutSeconds * 1000,
          success: ({ statusCode, data }) => resolve({ status: statusCode, body: data }),
          fail: ({ errMsg }) => reject(new Error(errMsg)),
        })
      })
    },

    openPayment(clientParams) {
      const params = /** @type {Package.WechatPaymentParams} */ (clientParams)
      return new Promise((resolve) => {
        /** @type {Package.WechatCallbacks} */
        const callbacks = {
          success: ({ errMsg }) => resolve({ outcome: 'done', message: errMsg }),
          fail: ({ errMsg }) => resolve({ outcome: /cancel/.test(errMsg) ? 'cancelled' : 'failed', message: errMsg }),
        }
        wx.requestPayment(Object.assign(callbacks, params))
      })
    },

    load: (key) => wx.getStorageSync(key),
    save: (key, value) => wx.setStorageSync(key, value),
    remove: (key) => wx.removeStorageSync(key),
  }
}
