/**
 * @typedef {Pick<WechatMiniprogram.Wx, 'login' | 'request' | 'requestPayment' | 'getAccountInfoSync'
 *   | 'getStorageSync' | 'setStorageSync' | 'removeStorageSync' | 'navigateTo' | 'setClipboardData' | 'showModal'>} Wx the part of WeChat's own type that is used
 */

/**
 * A phone with WeChat on it. `buyer` decides what becomes of the pay sheet: it answers with the platform's words.
 *
 * @param {(request: import('./fake-server.js').Request) => Promise<import('./fake-server.js').Answer>} network
 */
export function createFakeWechat(network) {
  /** @type {Map<string, unknown>} */
  const storage = new Map()
  const phone = {
    codes: 0,
    /** @type {WechatMiniprogram.RequestPaymentOption[]} */
    sheets: [],
    storage,
    /** @type {(orderId: string) => Promise<string> | string} */
    buyer: () => 'requestPayment:fail cancel',
    /** @type {(() => string) | null} what log-in says instead of a code */
    loginFails: null,
    storageBroken: false,
    /** @type {string[]} the pages that were opened on top */
    pages: [],
    clipboard: '',
    /** @type {string[]} what the buyer was told */
    told: [],
    /** What the buyer answers to that. */
    confirms: true,
  }

  function storageOrThrow() {
    if (phone.storageBroken) throw new Error('setStorageSync:fail quota exceeded')
    return storage
  }

  const wx = {
    getAccountInfoSync: () => ({ miniProgram: { appId: 'wx1234567890abcdef' } }),

    login: (/** @type {WechatMiniprogram.LoginOption} */ { success, fail } = {}) => {
      phone.codes += 1
      if (phone.loginFails) fail?.({ errMsg: phone.loginFails(), errno: 0 })
      else success?.({ code: `code-${phone.codes}`, errMsg: 'login:ok' })
    },

    request: (/** @type {WechatMiniprogram.RequestOption} */ option) => {
      const { url, method = 'GET', header = {}, data, timeout = 0, success, fail } = option
      const { pathname, searchParams } = new URL(url)
      const wait = Number(searchParams.get('wait') || 0)
      network({ method, url, path: pathname, wait, timeout, headers: header, body: data }).then(
        ({ status, data }) => success?.(/** @type {any} */ ({ statusCode: status, data, errMsg: 'request:ok' })),
        (error) => fail?.(/** @type {any} */ ({ errMsg: error.message, errno: 600000 })),
      )
    },

    requestPayment: async (/** @type {WechatMiniprogram.RequestPaymentOption} */ option) => {
      phone.sheets.push(option)
      const errMsg = await phone.buyer(option.package.replace('prepay_id=', ''))
      const end = errMsg === 'requestPayment:ok' ? option.success : option.fail
      end?.({ errMsg })
    },

    navigateTo: (/** @type {WechatMiniprogram.NavigateToOption} */ { url, success, fail }) => {
      if (!url.startsWith('/pages/')) return fail?.({ errMsg: `navigateTo:fail page "${url}" is not found` })
      phone.pages.push(url)
      success?.(/** @type {any} */ ({ errMsg: 'navigateTo:ok' }))
    },

    setClipboardData: (/** @type {WechatMiniprogram.SetClipboardDataOption} */ { data, success }) => {
      phone.clipboard = data
      success?.({ errMsg: 'setClipboardData:ok' })
    },

    showModal: (/** @type {WechatMiniprogram.ShowModalOption} */ { content = '', complete }) => {
      phone.told.push(content)
      complete?.({ errMsg: 'showModal:ok' })
      return Promise.resolve({ confirm: phone.confirms })
    },

    getStorageSync: (/** @type {string} */ key) => storageOrThrow().get(key) ?? '',
    setStorageSync: (/** @type {string} */ key, /** @type {unknown} */ data) => {
      storageOrThrow().set(key, structuredClone(data))
    },
    removeStorageSync: (/** @type {string} */ key) => {
      storageOrThrow().delete(key)
    },
  }
  return { phone, wx: /** @type {Wx} */ (/** @type {unknown} */ (wx)) }
}
