/**
 * A pretend `my`, the global object of Alipay mini-programs, as far as the SDK uses it. What the real one asks of Alipay,
 * this one asks of the sandbox, through the shop's `/phone` routes.
 */
import { exchange, read } from './pretend.js'

/** What each button of its pay sheet does to the trade, and the result code that `my.tradePay` ends with. */
const ENDINGS = {
  pay: ['pay', '9000'],
  cancel: ['abandon', '6001'],
  fail: ['fail', '4000'],
  unsure: ['pay', '8000'],
}
export const MY_TAPS = Object.keys(ENDINGS)

/** `my.request` calls an answer that is not 2xx a failure. */
const HTTP_STATUS_ERROR = 19

/** @param {import('./pretend.js').Surroundings} around */
export function createPretendMy({ appId, phone, openSheet, alert, copy, heard }) {
  const keyOf = (key) => `${appId}:${key}`

  return {
    getAppIdSync: () => ({ appId }),

    getAuthCode({ success, fail }) {
      phone('login').then(
        ({ auth_code: authCode }) => success({ authCode, authSuccessScopes: ['auth_base'] }),
        ({ message }) => fail({ error: 12, errorMessage: message }),
      )
    },

    request({ url, method, headers, data, timeout, success, fail }) {
      exchange(url, method, headers, data, timeout).then(
        ({ status, text }) => {
          heard(read(text))
          if (status < 300) success({ status, data: text })
          else fail({ error: HTTP_STATUS_ERROR, errorMessage: 'http status error', status, data: text })
        },
        ({ message }) => fail({ error: 12, errorMessage: message }),
      )
    },

    tradePay({ tradeNO, success }) {
      collect({ tradeNO }).then((resultCode) => success({ resultCode }))
    },

    setClipboard({ text, success }) {
      copy(text)
      success({})
    },

    alert({ content, complete }) {
      alert(content).then(() => complete({}))
    },

    getStorageSync: ({ key }) => ({ data: JSON.parse(localStorage.getItem(keyOf(key)) || 'null') }),
    setStorageSync: ({ key, data }) => localStorage.setItem(keyOf(key), JSON.stringify(data)),
    removeStorageSync: ({ key }) => localStorage.removeItem(keyOf(key)),
  }

  /** The result code. What the cashier cannot take, it says, and that it failed. */
  async function collect(trade) {
    const { choice, close } = openSheet()
    try {
      const [act, resultCode] = ENDINGS[await choice]
      await phone(act, trade)
      return resultCode
    } catch {
      return '4000'
    } finally {
      close()
    }
  }
}
