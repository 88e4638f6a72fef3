/** Where the SDK opens payment pages. The server's address must be among the mini-program's business domains (业务域名). */
Page({
  data: { url: '' },

  /** @param {{ url?: string }} query */
  onLoad({ url = '' }) {
    this.setData({ url: decodeURIComponent(url) })
  },
})
