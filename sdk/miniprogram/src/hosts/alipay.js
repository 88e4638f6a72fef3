/// <reference path="../globals.d.ts" />
/** @import * as Package from '../../index.js' */

/**
 * Alipay mini-programs.
 *
 * @type {typeof Package.alipay}
 */
export function alipay(my) {
  return {
    name: 'alipay',
    channel: 'alipay',
    methods: { alipay: 'create', wechatpay: 'h5' },

    results: {
      9000: { outcome: 'done', means: 'the sheet says paid' },
      8000: { outcome: 'done', means: 'being processed: may be paid' },
      6004: { outcome: 'done', means: 'unknown: may be paid' },
      6002: { outcome: 'done', means: 'the network broke: may be paid' },
      5000: { outcome: 'done', means: 'the same request again: may be paid' },
      4000: { outcome: 'failed', means: 'failed; or there is no such trade' },
      4: { outcome: 'failed', means: 'this mini-program may not collect' },
      6001: { outcome: 'cancelled', means: 'closed by the buyer; or another buyer\'s trade' },
      99: { outcome: 'cancelled', means: 'left through "forgot password" (iOS)' },
    },

    appId() {
      return my.getAppIdSync().appId
    },

    login({ profile }) {
      return new Promise((resolve, reject) => {
        my.getAuthCode({
          scopes: profile ? 'auth_user' : 'auth_base',
          success: ({ authCode }) => (authCode ? resolve(authCode) : reject(new Error('No authCode'))),
          fail: (reason) => reject(wordsOf(reason)),
        })
      })
    },

    phoneConsent() {
      return new Promise((resolve, reject) => {
        my.getPhoneNumber({ success: ({ response }) => resolve(response), fail: (reason) => reject(wordsOf(reason)) })
      })
    },

    // `my.request` calls an answer that is not 2xx, or not JSON where JSON was expected, a failure.
    request({ method, url, headers, body, timeoutSeconds }) {
      return new Promise((resolve, reject) => {
        my.request({
          method,
          url,
          headers,
          data: body && JSON.stringify(body),
          dataType: 'text',
          timeout: timeoutSeconds * 1000,
          success: ({ status, data }) => resolve({ status, body: read(data) }),
          fail: (reason) => {
            const { status, data } = /** @type {{ status?: number, data?: unknown }} */ (reason)
            if (Number(status) >= 100) resolve({ status: Number(status), body: read(data) })
            else reject(wordsOf(reason))
          },
        })
      })
    },

    openPayment(clientParams) {
      const params = /** @type {Package.AlipayPaymentParams} */ (clientParams)
      return new Promise((resolve) => {
        const callbacks = {
          success: (/** @type {{ resultCode: string }} */ { resultCode }) =>
            resolve({ code: String(resultCode), message: `my.tradePay: ${resultCode}` }),
          fail: (/** @type {Package.AlipayFailure} */ reason) =>
            resolve({ code: String(reason.error), message: `my.tradePay: ${wordsOf(reason).message}` }),
        }
        my.tradePay(Object.assign(callbacks, params))
      })
    },

    openLink(url, { webViewPage, copied }) {
      return new Promise((resolve) => {
        /** @param {string} code */
        const say = (code) => () => resolve({ code, message: code })
        const fail = (/** @type {Package.AlipayFailure} */ reason) =>
          resolve({ code: 'link_failed', message: wordsOf(reason).message })
        if (webViewPage) {
          my.navigateTo({ url: `${webViewPage}?url=${encodeURIComponent(url)}`, success: say('link_opened'), fail })
        } else {
          const success = () => my.alert({ content: copied, complete: say('link_copied') })
          my.setClipboard({ text: url, success, fail })
        }
      })
    },

    load: (key) => my.getStorageSync({ key }).data,
    save: (key, data) => my.setStorageSync({ key, data }),
    remove: (key) => my.removeStorageSync({ key }),
  }
}

/** A browser inside Alipay also has a `my`, without `tradePay`. */
alipay.here = () => (typeof my !== 'undefined' && typeof my.tradePay === 'function' ? alipay(my) : undefined)

/** @param {Package.AlipayFailure} reason */
function wordsOf({ error, errorMessage }) {
  return new Error(`${errorMessage || 'failed'} (${error})`)
}

/**
 * @param {unknown} data
 * @returns {unknown} what the text says where it is JSON, else the text
 */
function read(data) {
  try {
    return JSON.parse(String(data))
  } catch (error) {
    return data
  }
}
