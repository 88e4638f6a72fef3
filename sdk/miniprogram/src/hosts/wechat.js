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
    methods: { wechatpay: 'jsapi', alipay: 'wap' },

    results: {
      'requestPayment:ok': { outcome: 'done', means: 'the sheet says paid' },
      'requestPayment:fail cancel': { outcome: 'cancelled', means: 'closed by the buyer; or its signature is wrong' },
      'requestPayment:fail': { outcome: 'failed', means: 'any other word: no permission, wrong parameters, …' },
    },

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
        /** @param {string} code @returns {(result: { errMsg: string }) => void} */
        const close = (code) => ({ errMsg }) => resolve({ code: `requestPayment:${code}`, message: errMsg })
        /** @type {Package.WechatCallbacks} */
        const callbacks = {
          success: close('ok'),
          fail: (result) => close(/cancel/.test(result.errMsg) ? 'fail cancel' : 'fail')(result),
        }
        wx.requestPayment(Object.assign(callbacks, params))
      })
    },

    openLink(url, { webViewPage, copied }) {
      return new Promise((resolve) => {
        /** @param {string} code @returns {(result: { errMsg: string }) => void} */
        const say = (code) => ({ errMsg }) => resolve({ code, message: errMsg })
        const fail = say('link_failed')
        if (webViewPage) {
          const page = `${webViewPage}?url=${encodeURIComponent(url)}`
          wx.navigateTo({ url: page, success: say('link_opened'), fail })
        } else {
          const success = () => wx.showModal({ content: copied, showCancel: false, complete: say('link_copied') })
          wx.setClipboardData({ data: url, success, fail })
        }
      })
    },

    load: (key) => wx.getStorageSync(key),
    save: (key, value) => wx.setStorageSync(key, value),
    remove: (key) => wx.removeStorageSync(key),
  }
}

/** A browser inside WeChat also has a `wx`, without `login`. */
wechat.here = () => (typeof wx !== 'undefined' && typeof wx.login === 'function' ? wechat(wx) : undefined)
