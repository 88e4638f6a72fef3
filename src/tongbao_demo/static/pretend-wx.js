/**
 * A pretend `wx`, the global object of WeChat mini-programs, as far as the SDK uses it. What the real one asks of WeChat,
 * this one asks of the sandbox, through the shop's `/phone` routes.
 */
import { exchange, read } from './pretend.js'

/** The buttons of its pay sheet. */
export const WX_TAPS = ['pay', 'cancel', 'fail']

/** @param {import('./pretend.js').Surroundings} around */
export function createPretendWx({ appId, phone, openSheet, alert, copy, heard }) {
  // WeChat keeps a storage for each mini-program, and so does this.
  const keyOf = (key) => `${appId}:${key}`

  return {
    getAccountInfoSync: () => ({ miniProgram: { appId } }),

    login({ success, fail }) {
      phone('login').then(
        ({ code }) => success({ code, errMsg: 'login:ok' }),
        (error) => fail({ errMsg: `login:fail ${error.message}` }),
      )
    },

    request({ url, method, header, data, timeout, success, fail }) {
      const answered = exchange(url, method, header, data && JSON.stringify(data), timeout)
      answered.then(
        ({ status, text }) => {
          heard(read(text))
          success({ statusCode: status, data: read(text) })
        },
        (error) => fail({ errMsg: `request:fail ${error.message}` }),
      )
    },

    requestPayment({ success, fail, ...sheet }) {
      collect(sheet).then(
        () => success({ errMsg: 'requestPayment:ok' }),
        (error) => fail({ errMsg: `requestPayment:fail ${error.message}` }),
      )
    },

    setClipboardData({ data, success }) {
      copy(data)
      success({ errMsg: 'setClipboardData:ok' })
    },

    showModal({ content, complete }) {
      alert(content).then(() => complete({ confirm: true, errMsg: 'showModal:ok' }))
    },

    getStorageSync: (key) => JSON.parse(localStorage.getItem(keyOf(key)) || '""'),
    setStorageSync: (key, value) => localStorage.setItem(keyOf(key), JSON.stringify(value)),
    removeStorageSync: (key) => localStorage.removeItem(keyOf(key)),
  }

  async function collect(sheet) {
    const { choice, close } = openSheet()
    try {
      const chosen = await choice
      if (chosen === 'pay') return await phone('pay', sheet)
      await phone(chosen === 'cancel' ? 'abandon' : 'fail', sheet)
      throw new Error(chosen === 'cancel' ? 'cancel' : 'insufficient balance')
    } finally {
      close()
    }
  }
}
