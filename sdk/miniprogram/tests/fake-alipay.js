/** @import { AlipayApi, AlipayFailure } from '../index.js' */

/**
 * A phone with Alipay on it. `buyer` decides what becomes of the pay sheet: it answers with a result code, or throws
 * what `fail` is to hear.
 *
 * @param {(request: import('./fake-server.js').Request) => Promise<import('./fake-server.js').Answer>} network
 */
export function createFakeAlipay(network) {
  /** @type {Map<string, unknown>} */
  const storage = new Map()
  const phone = {
    codes: 0,
    /** @type {string[]} the scopes that were asked for */
    scopes: [],
    /** @type {{ tradeNO?: string, orderStr?: string }[]} */
    sheets: [],
    storage,
    /** @type {(tradeNO: string) => Promise<string> | string} */
    buyer: () => '6001',
    /** @type {AlipayFailure | null} what log-in or the phone number fail with */
    refusal: null,
    /** @type {string[]} the pages that were opened on top */
    pages: [],
    clipboard: '',
    /** @type {string[]} what the buyer was told */
    told: [],
  }

  /** @type {AlipayApi} */
  const my = {
    getAppIdSync: () => ({ appId: '2021001234567890' }),

    getAuthCode({ scopes, success, fail }) {
      if (phone.refusal) return fail(phone.refusal)
      phone.scopes.push(scopes)
      phone.codes += 1
      success({ authCode: `code-${phone.codes}` })
    },

    getPhoneNumber({ success, fail }) {
      if (phone.refusal) return fail(phone.refusal)
      success({ response: '{"response":"c2VhbGVk","sign":"c2lnbmVk"}' })
    },

    request({ method, url, headers, data, timeout, success, fail }) {
      const { pathname, searchParams } = new URL(url)
      const wait = Number(searchParams.get('wait') || 0)
      network({ method, url, path: pathname, wait, timeout, headers, body: data && JSON.parse(data) }).then(
        ({ status, data }) => {
          const answer = { status, data: typeof data === 'string' ? data : JSON.stringify(data) }
          if (status >= 200 && status < 300) success(answer)
          else fail({ error: 19, errorMessage: 'http status error', ...answer })
        },
        (error) => fail({ error: 12, errorMessage: error.message }),
      )
    },

    async tradePay({ success, fail, ...sheet }) {
      phone.sheets.push(sheet)
      try {
        success({ resultCode: await phone.buyer(sheet.tradeNO || '') })
      } catch (reason) {
        fail(/** @type {AlipayFailure} */ (reason))
      }
    },

    navigateTo({ url, success, fail }) {
      if (!url.startsWith('/pages/')) return fail({ error: 10, errorMessage: 'no such page' })
      phone.pages.push(url)
      success()
    },

    setClipboard({ text, success }) {
      phone.clipboard = text
      success()
    },

    alert({ content, complete }) {
      phone.told.push(content)
      complete()
    },

    getStorageSync: ({ key }) => ({ data: storage.get(key) ?? null }),
    setStorageSync: ({ key, data }) => storage.set(key, structuredClone(data)),
    removeStorageSync: ({ key }) => storage.delete(key),
  }
  return { phone, my }
}
