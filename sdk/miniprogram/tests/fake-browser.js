/** @import { BrowserApi } from '../index.js' */

/**
 * A web page in a browser.
 *
 * @param {(request: import('./fake-server.js').Request) => Promise<import('./fake-server.js').Answer>} network
 */
export function createFakeBrowser(network) {
  const page = {
    /** Where the page itself has moved on to. */
    movedTo: '',
    /** @type {{ url: string, opener: unknown }[]} */
    tabs: [],
    blocksTabs: false,
  }

  /** @type {BrowserApi} */
  const window = {
    async fetch(url, { method, headers, body }) {
      const { pathname, searchParams } = new URL(url)
      const wait = Number(searchParams.get('wait') || 0)
      const sent = body && JSON.parse(body)
      const { status, data } = await network({ method, url, path: pathname, wait, timeout: 0, headers, body: sent })
      return { status, text: async () => (typeof data === 'string' ? data : JSON.stringify(data)) }
    },

    open(url) {
      if (page.blocksTabs) return null
      const tab = { url, opener: 'the page that opened it' }
      page.tabs.push(tab)
      return tab
    },

    location: {
      assign(url) {
        page.movedTo = url
      },
    },
  }
  return { page, window }
}
