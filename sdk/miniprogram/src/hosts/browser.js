/// <reference path="../globals.d.ts" />
/** @import * as Package from '../../index.js' */

/**
 * A web page of the merchant's. It has no log-in of its own, so nothing is kept; and no pay sheet: a payment is another
 * page, ours or the gateway's.
 *
 * @type {typeof Package.browser}
 */
export function browser(window, { tab = false } = {}) {
  return {
    name: 'browser',
    methods: { wechatpay: 'h5', alipay: 'wap' },

    results: {},

    appId: () => undefined,

    async request({ method, url, headers, body }) {
      const answer = await window.fetch(url, { method, headers, body: body && JSON.stringify(body) })
      const text = await answer.text()
      try {
        return { status: answer.status, body: JSON.parse(text) }
      } catch (error) {
        return { status: answer.status, body: text }
      }
    },

    async openPayment() {
      throw new Error('A browser has no pay sheet: choose a method that gives a page, or none')
    },

    // Browsers block tabs that are opened too long after the tap: then the page itself moves on.
    async openLink(url) {
      const opened = tab && window.open(url, '_blank')
      if (opened) opened.opener = null
      else window.location.assign(url)
      return { code: 'link_opened', message: 'The payment page was opened' }
    },

    load: () => null,
    save() {},
    remove() {},
  }
}

/** Mini-programs have no `document`. */
browser.here = () => (typeof document !== 'undefined' ? browser(window) : undefined)
