/**
 * A pretend `wx`, the global object of WeChat mini-programs, as far as the SDK uses it. What the real one asks of WeChat,
 * this one asks of the sandbox, through the shop's `/phone` routes.
 */

/**
 * @param {string} appId the mini-program this `wx` belongs to
 * @param {(act: string, body?: object) => Promise<any>} phone
 * @param {() => { choice: Promise<'pay' | 'cancel' | 'fail'>, close: () => void }} openSheet the buyer, choosing
 */
export function createPretendWx(appId, phone, openSheet) {
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

    request({ method, url, header, data, timeout, success, fail }) {
      const body = data && JSON.stringify(data)
      const answered = fetch(url, { method, headers: header, body, signal: AbortSignal.timeout(timeout) })
      answered
        .then(async (answer) => ({ statusCode: answer.status, data: read(await answer.text()) }))
        .then(success, (error) => fail({ errMsg: `request:fail ${error.message}` }))
    },

    requestPayment({ success, fail, ...sheet }) {
      collect(sheet).then(
        () => success({ errMsg: 'requestPayment:ok' }),
        (error) => fail({ errMsg: `requestPayment:fail ${error.message}` }),
      )
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

/** As `wx.request` gives it: parsed where it is JSON, else as text. */
function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
